"""What a request means, and when it is done: names as people type them, and what is left."""

from __future__ import annotations

import gzip
import json
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from include.composition import Services
from include.contracts.errors import ConfigurationError, PlatformError
from include.lake import keys
from include.pipeline.erasure import stage
from include.pipeline.erasure.record import Record
from include.settings import ErasureSettings, ModelSettings, TransformSettings
from tests.fakes.home import services_in, storage_in

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

STUDY = "Frühling"
FOUR = ("Jörg Ä.mp4", "Kamera.MP4", "ohne.mov", "recht.mp4")
OTHER = "andere.mp4"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    for name in ("AIRFLOW_HOME", "AIRFLOW__LOGGING__BASE_LOG_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    return services_in(
        tmp_path,
        transform=TransformSettings(jobs_dir=tmp_path / "jobs"),
        model=ModelSettings(
            mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.sqlite",
            mlflow_artifact_uri=(tmp_path / "mlflow-artifacts").as_uri(),
        ),
    )


@pytest.fixture
def folder(tmp_path: Path, services: Services) -> Path:
    """A study of five recordings, four of one respondent, entered in the ledger."""
    folder = tmp_path / "lake" / "incoming" / STUDY
    folder.mkdir(parents=True)
    for number, name in enumerate((*FOUR, OTHER)):
        (folder / name).write_bytes(bytes([number]) * 5000)
    services.ledger.observe(services.lake.list_incoming(), services.ledger.clock())
    return folder


def _declare(folder: Path, *lines: str, newline: str = "\n") -> None:
    text = newline.join(("recording,respondent,age", *lines, ""))
    (folder / "respondents.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())


def _as_typed(folder: Path) -> None:
    _declare(
        folder,
        f"{unicodedata.normalize('NFD', FOUR[0])},P-17,30",
        f"{OTHER},P-18,40",
        "kamera.mp4,P-17,30",
        "ohne,P-17,30",
        ".\\recht.mp4,P-17,30",
    )


def _erase(services: Services, **asked: Any) -> Record:
    request = {"study": STUDY, "respondent": "P-17", "asked_by": "Ada", **asked}
    return stage.run(services, "e1", **request)


def _originals(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"respondents.csv"}


def test_four_recordings_listed_as_people_type_them_all_go(
    services: Services, folder: Path, tmp_path: Path
) -> None:
    _as_typed(folder)
    record = _erase(services)
    assert record.done, record
    assert _originals(folder) == {OTHER}
    assert record.erased["originals"] == 4
    assert (folder / "respondents.csv").read_bytes() == (
        b"\xef\xbb\xbfrecording,respondent,age\n" + f"{OTHER},P-18,40\n".encode()
    ), "the person's lines are gone, the others are what they were"
    assert services.ledger.names(STUDY) == {OTHER}
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for name in (*FOUR, "P-17"):
            for form in ("NFC", "NFD"):
                assert unicodedata.normalize(form, name).encode() not in content, path
    assert _erase(services) == record, "repeated, it returns its record"


@pytest.mark.parametrize(
    "asked",
    [
        {"respondent": "p-17", "study": unicodedata.normalize("NFD", "frühling")},
        {"respondent": "", "recordings": ["jörg ä", "./KAMERA", "Frühling/ohne.MOV", "recht"]},
    ],
)
def test_study_and_id_are_matched_likewise(
    services: Services, folder: Path, asked: dict[str, Any]
) -> None:
    _as_typed(folder)
    assert _erase(services, **asked).done
    assert _originals(folder) == {OTHER}
    assert (folder / "respondents.csv").read_text("utf-8-sig").split("\n")[1:] == [
        f"{OTHER},P-18,40",
        "",
    ]


def test_every_line_that_is_not_settled_is_named_and_nothing_is_erased(
    services: Services, folder: Path
) -> None:
    (folder / "ohne.mp4").write_bytes(b"another")
    _declare(folder, "recht.mp4,P-17,", "ohne,P-17,", "Kamara.mp4,P-17,", "andere,P-18,")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ConfigurationError) as caught:
        _erase(services, recordings=["nirgends.mov"])
    said = str(caught.value)
    assert "3 line(s) of the request are not resolved" in said
    assert "'ohne' may be 'ohne.mov' or 'ohne.mp4'" in said
    assert "no recording 'Kamara.mp4' (the nearest: 'Kamera.MP4'" in said
    assert "no recording 'nirgends.mov'" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert list(services.lake.list("erasures")) == []

    with pytest.raises(ConfigurationError, match="no open line of this request is 'recht'"):
        _erase(services, without=["ohne", "kamara", "recht"])
    record = _erase(services, without=["ohne", "kamara.MP4"])
    assert record.without == 2
    assert record.done
    assert _originals(folder) == {*FOUR, OTHER, "ohne.mp4"} - {"recht.mp4"}
    assert (folder / "respondents.csv").read_text("utf-8-sig").endswith("age\nandere,P-18,\n")


def test_an_ambiguous_line_is_settled_when_all_it_may_be_goes(
    services: Services, folder: Path
) -> None:
    (folder / "ohne.mp4").write_bytes(b"another")
    _declare(folder, "ohne,P-17,")
    _erase(services, recordings=["ohne.mov", "ohne.mp4"])
    assert _originals(folder) == {*FOUR, OTHER} - {"ohne.mov"}


def test_a_recording_of_two_respondents_is_named(services: Services, folder: Path) -> None:
    _declare(folder, "recht.mp4,P-17,", "RECHT,P-18,")
    with pytest.raises(ConfigurationError, match="to another respondent as well, in the line"):
        _erase(services)
    assert "recht.mp4" in _originals(folder)


def test_two_ids_that_are_written_alike_are_not_guessed(services: Services, folder: Path) -> None:
    _declare(folder, "recht.mp4,P-17,", "ohne.mov,p-17,")
    with pytest.raises(ConfigurationError, match="has 'P-17' and 'p-17'"):
        _erase(services)
    assert _originals(folder) == {*FOUR, OTHER}


def _log(home: Path) -> Path:
    path = home / "airflow" / "logs" / "dag_id=video_analysis" / "attempt=1.log"
    path.parent.mkdir(parents=True)
    return path


def _plain_log(services: Services, home: Path) -> str:
    path = _log(home)
    path.write_text('{"event": "quarantined \'J\\u00f6rg \\u00c4.mp4\'"}\n')
    return str(path)


def _packed_log(services: Services, home: Path) -> str:
    path = home / "logs" / "scheduler.log.1.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(b"x" * 100_000 + "JÖRG Ä.mp4".encode() + b"x" * 99))
    path.write_bytes(gzip.compress(b"- " * 99_000 + "JÖRG Ä.mp4".encode() + b" -" * 99))
    return str(path)


def _copy_in_the_lake(services: Services, home: Path) -> str:
    services.lake.put_bytes("exports/a", bytes([0]) * 5000)
    return "exports/a"


def _key_in_the_lake(services: Services, home: Path) -> str:
    key = "published/other/Jo%CC%88rg%20A%CC%88.mp4/note"
    services.lake.put_bytes(key, b"")
    return "published/other"


def _hidden_upload(services: Services, home: Path) -> str:
    path = home / "lake" / "incoming" / "elsewhere" / ".copy.part"
    path.parent.mkdir()
    path.write_bytes(bytes([3]) * 5000)
    return ".copy.part"


def _table(services: Services, home: Path) -> str:
    path = home / "lake" / "exports" / "2026-01-01.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"n": [1], "recording": [FOUR[0]]}), path, compression="zstd")
    return path.name


def _other_table_of_respondents(services: Services, home: Path) -> str:
    path = home / "lake" / "incoming" / STUDY / "respondents (1).csv"
    path.write_text(f"recording;respondent\n{FOUR[0]};P-17\n")
    return path.name


def _ledger_row(services: Services, home: Path) -> str:
    with sqlite3.connect(home / "ledger.sqlite") as ledger:
        ledger.execute("CREATE TABLE notes (text TEXT)")
        ledger.execute("INSERT INTO notes VALUES (?)", (f"see {FOUR[0]}",))
    return "table notes, 1 row(s)"


def _mlflow_tag(services: Services, home: Path) -> str:
    mlflow.set_tracking_uri(services.settings.model.mlflow_tracking_uri)
    client = MlflowClient(services.settings.model.mlflow_tracking_uri)
    run = client.create_run(client.create_experiment("e", "file:///nowhere"))
    client.set_tag(run.info.run_id, "worst", FOUR[0])
    return "MLflow, table tags, 1 row(s)"


def _mlflow_artefact(services: Services, home: Path) -> str:
    path = home / "mlflow-artifacts" / "1" / "worst.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([{"study": STUDY, "recording": FOUR[0]}]))
    return str(path)


def _job_folder(services: Services, home: Path) -> str:
    path = home / "jobs" / "j1" / "input"
    path.mkdir(parents=True)
    (path / "list").write_text(f"incoming/{STUDY}/{FOUR[0]}\n")
    return str(path / "list")


PLANTED = (
    _plain_log, _packed_log, _copy_in_the_lake, _key_in_the_lake, _hidden_upload, _table,
    _other_table_of_respondents, _ledger_row, _mlflow_tag, _mlflow_artefact, _job_folder,
)  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda one: one.__name__.strip("_"))
def test_it_is_not_done_while_anything_is_left(
    services: Services, folder: Path, tmp_path: Path, plant: Any
) -> None:
    _as_typed(folder)
    place = plant(services, tmp_path)
    record = _erase(services)
    assert not record.done
    assert [place in one.place for one in record.left] == [True], record.left
    assert record.left[0].do
    kept = services.lake.get_bytes(keys.erasure("e1")).decode()
    assert json.loads(kept)["done_at"] is None
    for form in ("NFC", "NFD"):
        assert unicodedata.normalize(form, FOUR[0]) not in kept, "the record names nobody"
    with pytest.raises(PlatformError, match="the record is open"):
        stage.require_done(record)
    assert _originals(folder) - {"respondents (1).csv"} == {OTHER}

    again = _erase(services)
    assert not again.done
    assert again.left == record.left, "what it looks for is known although all rows are gone"
    _take_away(tmp_path)
    done = _erase(services)
    assert done.done, done.left
    assert done.left == []
    assert done.erased["originals"] == 4
    assert list(services.lake.list("erasures")) == [keys.erasure("e1")]


def _take_away(home: Path) -> None:
    for path in (
        *home.glob("airflow/logs/*/*"), *home.glob("logs/*"), *home.glob("lake/exports/*"),
        *home.glob("lake/published/other/*/*"), *home.glob("lake/incoming/elsewhere/.copy.part"),
        *home.glob("lake/incoming/*/respondents (1).csv"),
        *home.glob("mlflow-artifacts/*/*"), *home.glob("jobs/*/*/*"),
    ):  # fmt: skip
        path.unlink()
    for name, table in (("ledger.sqlite", "notes"), ("mlflow.sqlite", "tags")):
        if (home / name).exists():
            with sqlite3.connect(home / name) as database:
                database.execute(f"DROP TABLE IF EXISTS {table}")
            database = sqlite3.connect(home / name)
            database.execute("VACUUM")
            database.close()


def test_deleted_rows_that_still_stand_in_mlflows_file_are_found(
    services: Services, folder: Path, tmp_path: Path
) -> None:
    _as_typed(folder)
    with sqlite3.connect(tmp_path / "mlflow.sqlite") as database:
        database.execute("PRAGMA secure_delete=OFF")  # some builds clear deleted rows at once
        database.execute("CREATE TABLE tags (value TEXT)")
        database.executemany("INSERT INTO tags VALUES (?)", [(f"x{FOUR[0]}",)] * 50)
        database.execute("DELETE FROM tags")
    record = _erase(services)
    (left,) = record.left
    assert "mlflow.sqlite" in left.place
    assert "VACUUM" in left.do


# --- the same in a bucket that keeps versions -----------------------------------------


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str]]:
    """moto's S3 with a lake that keeps versions and a bucket of logs: client and address."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    for bucket in ("lake", "logs"):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    yield client, f"http://{host}:{port}"
    server.stop()


def _everything(client: Any) -> Iterator[tuple[str, bytes]]:
    for bucket in ("lake", "logs"):
        for item in client.list_object_versions(Bucket=bucket).get("Versions", ()):
            body = client.get_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
            yield f"{bucket}/{item['Key']}", body["Body"].read()


def test_nothing_is_left_in_buckets(s3: tuple[Any, str], tmp_path: Path) -> None:
    client, endpoint = s3
    storage = {"lake_url": "s3://lake/a b", "s3_endpoint_url": endpoint, "s3_region": "us-east-1"}
    services = services_in(
        tmp_path,
        storage=storage_in(tmp_path, **storage),
        model=ModelSettings(
            mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.sqlite",
            mlflow_artifact_uri="s3://logs/models",
        ),
        erasure=ErasureSettings(log_urls=("s3://logs/airflow",)),
    )
    folder = f"a b/incoming/{STUDY}"
    table = f"recording,respondent\n{unicodedata.normalize('NFD', FOUR[0])},P-17\nohne,P-17\n"
    for content in ("an earlier version", table + f"{OTHER},P-18\n"):
        client.put_object(Bucket="lake", Key=f"{folder}/respondents.csv", Body=content.encode())
    for number, name in enumerate((FOUR[0], FOUR[2], OTHER)):
        for size in (10, 5000):
            client.put_object(Bucket="lake", Key=f"{folder}/{name}", Body=bytes([number]) * size)
    services.ledger.observe(services.lake.list_incoming(), services.ledger.clock())
    note = "a b/published/x/manifest.json"
    for body in (FOUR[0], "nobody"):
        client.put_object(Bucket="lake", Key=note, Body=body.encode())
    log = "airflow/dag_id=a/attempt=1.log.gz"
    client.put_object(Bucket="logs", Key=log, Body=gzip.compress(b"x " * 9999 + b"OHNE.MOV"))
    client.put_object(Bucket="logs", Key="models/1/worst.csv", Body=f"1,{FOUR[0]}".encode())

    record = _erase(services)
    assert not record.done
    places = {one.place: one.do for one in record.left}
    earlier = next(place for place in places if place.startswith(f"s3://lake/{note} (version"))
    assert "earlier version" in places.pop(earlier)
    assert set(places) == {f"s3://logs/{log}", "s3://logs/models/1/worst.csv"}
    for item in client.list_object_versions(Bucket="lake", Prefix=note)["Versions"]:
        if not item["IsLatest"]:
            client.delete_object(Bucket="lake", Key=note, VersionId=item["VersionId"])
    for key in (log, "models/1/worst.csv"):
        client.delete_object(Bucket="logs", Key=key)

    assert _erase(services).done
    left = dict(_everything(client))
    assert set(left) == {
        f"lake/{folder}/respondents.csv", f"lake/{folder}/{OTHER}", f"lake/{note}",
        f"lake/a b/{keys.erasure('e1')}",
    }  # fmt: skip
    assert left[f"lake/{folder}/respondents.csv"].decode() == (
        f"recording,respondent\n{OTHER},P-18\n"
    )
    for name in (FOUR[0], FOUR[2]):
        for form in ("NFC", "NFD"):
            written = unicodedata.normalize(form, name).encode()
            assert not any(written in body for body in left.values())


def test_names_of_others_keep_nothing_open(
    services: Services, folder: Path, tmp_path: Path
) -> None:
    """Another study has a recording of the same name, and this one a longer name."""
    for place in ("Sommer/recht.mp4", f"{STUDY}/tag 2/recht.mp4"):
        path = tmp_path / "lake" / "incoming" / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(place.encode())
    log = _log(tmp_path)
    longer = f"read '{STUDY}/tag 2/recht.mp4' of '{STUDY}'\n"
    log.write_text(longer + "-" * 600 + "\n" + "read 'recht.mp4' of 'Sommer'\n" * 40)
    _as_typed(folder)
    assert _erase(services).done
    log.write_text(f"read 'recht.mp4' of '{STUDY}'\n")
    _declare(folder)
    (folder / "recht.mp4").write_bytes(b"again")
    record = stage.run(services, "e2", study=STUDY, recordings=["recht.mp4"], asked_by="Ada")
    assert [str(log) == one.place for one in record.left] == [True]
