"""A platform is copied while it works, lost, put back, and goes on: nothing twice, nobody back."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from benchmarks import throwaway_postgresql
from include.composition import build_embedded_backend, build_services
from include.contracts.errors import ConfigurationError, PlatformError
from include.lake import keys
from include.ledger.ledger import State
from include.pipeline import (
    collect,
    intake,
    open_batch,
    probe,
    publish,
    settle,
    transform,
    validate,
)
from include.pipeline.erasure import stage
from include.pipeline.run_batch import extract_groups, run_batch
from include.platform.backup import databases, objects
from include.platform.backup.parts import Parts, parts_of
from include.platform.backup.run import DOCUMENT, Backup, back_up, open_backup, restore
from include.settings import (
    DiscoverySettings,
    ErasureSettings,
    LabelSettings,
    Settings,
    StorageSettings,
    TransformSettings,
)
from tests.media.make_media import no_face

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STUDY = "Spot ä"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    try:
        throwaway_postgresql.newest()
    except throwaway_postgresql.NoServerError as missing:
        pytest.skip(str(missing))
    if shutil.which("pg_dump") is None:
        pytest.skip("no pg_dump on this machine")
    with throwaway_postgresql.server() as url:
        yield url


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.thorough), "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Give the URL of an empty database by name."""
    if request.param == "sqlite":
        return lambda name: f"sqlite:///{tmp_path / 'home' / name}.sqlite"
    server = request.getfixturevalue("postgresql")
    return lambda name: throwaway_postgresql.new_database(server)


def accounts(url: str) -> None:
    """Two accounts whose sum never changes, whatever is moved between them."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE account (id INTEGER PRIMARY KEY, held INTEGER)"))
        connection.execute(text("INSERT INTO account VALUES (1, 1000), (2, 0)"))
        connection.execute(text("CREATE TABLE move (id INTEGER PRIMARY KEY, note TEXT)"))


def held(url: str) -> tuple[int, int]:
    """Return the sum, and how many moves were noted."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        total = connection.execute(text("SELECT sum(held) FROM account")).scalar_one()
        return int(total), int(connection.execute(text("SELECT count(*) FROM move")).scalar_one())


def test_a_database_is_copied_as_of_one_moment_while_it_is_written(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    url, copy = new_database("live"), new_database("copy")
    accounts(url)
    engine = create_engine(url, poolclass=NullPool)
    stop, moved = threading.Event(), threading.Event()

    def move() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with engine.begin() as connection:
                connection.execute(text("UPDATE account SET held = held - 1 WHERE id = 1"))
                connection.execute(text(f"INSERT INTO move VALUES ({number}, 'x')"))
                connection.execute(text("UPDATE account SET held = held + 1 WHERE id = 2"))
            moved.set()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        assert moved.wait(20)
        for number in range(3):
            databases.dump(url, tmp_path / f"{number}.dump")
    finally:
        stop.set()
        mover.join()
    assert databases.is_empty(copy)
    counts = []
    for number in range(3):
        databases.load(tmp_path / f"{number}.dump", copy)
        total, count = held(copy)
        assert total == 1000
        counts.append(count)
    assert 0 < counts[0] <= counts[2] <= held(url)[1]
    assert not databases.is_empty(copy)


@dataclass
class World:
    """A platform's places, and what a batch of it does."""

    settings: Settings
    parts: Parts
    home: Path

    def lose(self) -> None:
        """Everything is gone."""
        shutil.rmtree(self.home / "lake")
        shutil.rmtree(self.home / "jobs", ignore_errors=True)
        for url in self.parts.databases.values():
            if url.startswith("sqlite"):
                Path(url.removeprefix("sqlite:///")).unlink()
            else:
                with create_engine(url, poolclass=NullPool).begin() as connection:
                    connection.execute(text("DROP SCHEMA public CASCADE"))
                    connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture
def world(tmp_path: Path, new_database: Callable[[str], str]) -> World:
    home = tmp_path / "home"
    settings = Settings(
        storage=StorageSettings(
            lake_url=(home / "lake").as_uri(),
            ledger_url=new_database("ledger"),
            scratch_dir=home / "scratch",
        ),
        discovery=DiscoverySettings(stable_for_s=0.0),
        transform=TransformSettings(jobs_dir=home / "jobs", poll_interval_s=0.1),
        labels=LabelSettings(pseudonym_key="sixteen letters!"),
        erasure=ErasureSettings(noted_in=tmp_path / "erasures.jsonl"),
    )
    airflow = new_database("airflow")
    (home / "lake" / "incoming" / STUDY).mkdir(parents=True)
    accounts(airflow)
    parts = Parts(
        {"airflow": airflow, "ledger": settings.storage.ledger_url},
        {"lake": settings.storage.lake_url},
    )
    return World(settings, parts, home)


def manifests(world: World) -> dict[str, bytes]:
    """Return every published result by its manifest's key."""
    lake = build_services(world.settings).lake
    found = [key for key in lake.list("published/") if key.endswith(keys.PUBLISHED_MANIFEST)]
    return {key: lake.get_bytes(key) for key in found}


def opened(world: World, key: str) -> list[str]:
    services = build_services(world.settings)
    batches = [str(entry["trigger_run_id"]) for entry in intake.run(services, key)]
    for batch_id in batches:
        open_batch.pin_packaged(services, batch_id)
    return batches


def test_a_platform_that_was_lost_at_work_goes_on_and_publishes_nothing_twice(
    world: World, tmp_path: Path
) -> None:
    """Without a face: answers of a model are `tests/chaos/test_backup.py`'s."""
    lose_at_work(world, tmp_path, no_face)


def lose_at_work(world: World, tmp_path: Path, record: Callable[[Path], object]) -> None:
    """Lose a platform that was backed up in the middle of a batch; restore it, go on."""
    incoming = world.home / "lake" / "incoming" / STUDY
    no_face(incoming / "first.mp4")
    (done,) = opened(world, "first")
    run_batch(build_services(world.settings), done)
    record(incoming / "second.mp4")
    with (incoming / "second.mp4").open("ab") as file:
        file.write(b"another recording")
    shutil.copy(incoming / "first.mp4", incoming / "copy.mp4")
    (working,) = opened(world, "second")
    services = build_services(world.settings)
    extract_groups(services, working, probe.run(services, working))
    validate.run(services, working)
    before = manifests(world)
    assert len(before) == 1

    def go_on() -> None:
        mine = build_services(world.settings)
        transform.run(mine, working, build_embedded_backend(mine))
        for part in (collect, publish, settle):
            part.run(mine, working)

    at_work = threading.Thread(target=go_on)
    at_work.start()
    made = back_up(world.settings, world.parts, tmp_path / "backups", now=NOON)
    at_work.join()
    finished = manifests(world)
    assert len(finished) == 3
    analyses = ids(world)

    world.lose()
    found = restore(open_backup(made.folder), world.settings, world.parts, replace=False, now=NOON)
    assert found["rows_bound"] == 3
    assert found["erased_again"] == {"recordings": 0, "open": 0}
    assert held(world.parts.databases["airflow"])[0] == 1000
    assert before.items() <= manifests(world).items() <= finished.items() | before.items()
    assert opened(world, "after") == []
    run_batch(build_services(world.settings), working)
    assert manifests(world).keys() == finished.keys()
    assert ids(world) == analyses
    assert opened(world, "at last") == []
    states = {row.state for batch in (done, working) for row in recordings(world, batch)}
    assert states == {State.PUBLISHED}


def recordings(world: World, batch_id: str) -> list[object]:
    return list(build_services(world.settings).ledger.recordings(batch_id))


def ids(world: World) -> set[tuple[str, str | None]]:
    """Return recording and analysis of everything that is published."""
    ledger = build_services(world.settings).ledger
    return {(row.recording, row.analysis_id) for row in ledger.published(STUDY)}


def test_nobody_who_was_erased_since_comes_back(world: World, tmp_path: Path) -> None:
    incoming = world.home / "lake" / "incoming" / STUDY
    for name in ("erased.mp4", "stays.mp4"):
        no_face(incoming / name)
        with (incoming / name).open("ab") as file:
            file.write(name.encode())
    (batch,) = opened(world, "first")
    made = back_up(world.settings, world.parts, tmp_path / "backups", now=NOON)
    run_batch(build_services(world.settings), batch)
    record = stage.run(
        build_services(world.settings),
        "request",
        study=STUDY,
        recordings=["erased.mp4"],
        asked_by="Anna",
    )
    assert record.done
    noted = (tmp_path / "erasures.jsonl").read_text()
    assert "erased" not in noted
    assert STUDY not in noted
    world.lose()
    forgetful = world.settings.model_copy(update={"erasure": ErasureSettings()})
    with pytest.raises(ConfigurationError, match="FEX_ERASURE__NOTED_IN"):
        restore(made, forgetful, world.parts, replace=False, now=NOON)
    assert not (world.home / "lake").exists()
    found = restore(made, world.settings, world.parts, replace=False, now=NOON)
    assert found["erased_again"] == {"recordings": 1, "open": 0}
    services = build_services(world.settings)
    assert services.ledger.names(STUDY) == {"stays.mp4"}
    assert [item.recording for item in services.lake.list_incoming()] == ["stays.mp4"]
    run_batch(services, batch)
    assert len(manifests(world)) == 1


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Settings, Parts, Backup]:
    """A small platform on SQLite and its backup."""
    home = tmp_path / "home"
    settings = Settings(
        storage=StorageSettings(
            lake_url=(home / "lake").as_uri(), ledger_url=f"sqlite:///{home}/ledger.sqlite"
        ),
        erasure=ErasureSettings(noted_in=tmp_path / "erasures.jsonl"),
    )
    services = build_services(settings)
    for key, content in (("a/one.json", b"1"), ("a/b/two", b"2" * 3_000_000), ("same", b"1")):
        services.lake.put_bytes(key, content)
    parts = Parts({"ledger": settings.storage.ledger_url}, {"lake": settings.storage.lake_url})
    return settings, parts, back_up(settings, parts, tmp_path / "backups", now=NOON)


def test_the_same_content_is_kept_once_for_all_backups(
    saved: tuple[Settings, Parts, Backup], tmp_path: Path
) -> None:
    settings, parts, first = saved
    second = back_up(settings, parts, tmp_path / "backups", now=NOON.replace(hour=13))
    contents = [path for path in first.pool.rglob("*") if path.is_file()]
    assert len(contents) == 2
    assert second.pool == first.pool
    assert second.folder != first.folder
    assert (tmp_path / "backups").stat().st_mode & 0o777 == 0o700


def test_what_is_there_stays_unless_it_may_go(
    saved: tuple[Settings, Parts, Backup], tmp_path: Path
) -> None:
    settings, parts, made = saved
    build_services(settings).lake.put_bytes("later", b"x")
    with pytest.raises(ConfigurationError, match="not empty"):
        restore(made, settings, parts, replace=False, now=NOON)
    restore(made, settings, parts, replace=True, now=NOON)
    assert sorted(build_services(settings).lake.list("")) == ["a/b/two", "a/one.json", "same"]
    (aside,) = (tmp_path / "home").glob("lake.before-*")
    assert (aside / "later").is_file()


def test_a_damaged_backup_is_refused_before_anything_is_touched(
    saved: tuple[Settings, Parts, Backup], tmp_path: Path
) -> None:
    settings, parts, made = saved
    content = max(made.pool.rglob("*"), key=lambda path: path.stat().st_size)
    with content.open("r+b") as file:
        file.write(b"3")
    with pytest.raises(PlatformError, match="is damaged"):
        restore(open_backup(made.folder), settings, parts, replace=True, now=NOON)
    assert not list((tmp_path / "home").glob("*.before-*"))
    listing = made.listing("lake")
    listing.write_text(listing.read_text().replace("a/one.json", "../../one"))
    with pytest.raises(PlatformError, match="damaged or missing"):
        open_backup(made.folder)
    (made.folder / DOCUMENT).unlink()
    with pytest.raises(ConfigurationError, match="no complete backup"):
        open_backup(made.folder)


def test_a_key_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pool" / "ab").mkdir(parents=True)
    content = objects.content_of(tmp_path / "pool", "ab" * 32)
    content.write_bytes(b"x")
    for key in ("../one", "/one", "a/../../one"):
        item = objects.Object(key, 1, "ab" * 32)
        with pytest.raises(PlatformError, match="outside"):
            objects.restore([item], tmp_path / "pool", (tmp_path / "lake").as_uri(), lambda: None)
    assert not (tmp_path / "one").exists()


def test_a_bucket_is_copied_and_filled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    from moto import mock_aws

    from include.lake.raw import RawBucket

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT")]:
        monkeypatch.delenv(name)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="fex")
        kept = {"lake/incoming/ä b/r 1.mp4": b"x" * 10, "lake/a": b"", "other/b": b"no"}
        for key, content in kept.items():
            client.put_object(Bucket="fex", Key=key, Body=content)
        (tmp_path / "pool").mkdir()
        saved = objects.save(
            RawBucket(client, "fex", "lake/"), tmp_path / "pool", tmp_path / "l", {"a": "v"}
        )
        assert [(item.key, item.version) for item in saved] == [
            ("a", "v"),
            ("incoming/ä b/r 1.mp4", ""),
        ]
        client.create_bucket(Bucket="new")
        listed = objects.read_listing(tmp_path / "l")
        assert objects.restore(listed, tmp_path / "pool", "s3://new/lake", lambda: client) == 2
        for key in ("lake/a", "lake/incoming/ä b/r 1.mp4"):
            assert client.get_object(Bucket="new", Key=key)["Body"].read() == kept[key]


def test_the_parts_of_the_production_stack_and_of_an_embedded_one(tmp_path: Path) -> None:
    secret = tmp_path / "airflow_url"
    url = "postgresql+psycopg2://airflow:word@postgres/airflow"  # pragma: allowlist secret
    secret.write_text(f"{url}\n")
    settings = Settings()
    server = settings.model_copy(
        update={
            "model": settings.model.model_copy(update={"mlflow_tracking_uri": "http://mlflow:5000"})
        }
    )
    environ = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"cat {secret}",
        "PATH": os.environ["PATH"],
    }
    with pytest.raises(ConfigurationError, match="MLFLOW_BACKEND_STORE_URI"):
        parts_of(server, environ)
    found = parts_of(server, {**environ, "MLFLOW_BACKEND_STORE_URI": "postgresql://m@p/mlflow"})
    assert list(found.databases) == ["airflow", "ledger", "mlflow"]
    assert found.databases["airflow"].endswith("@postgres/airflow")
    assert list(found.stores) == ["models", "lake"]
    with pytest.raises(ConfigurationError, match="AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        parts_of(settings, {})


def test_a_password_is_on_no_command_line_and_in_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path}/args\nenv > {tmp_path}/env\n"
        f'cat "$PGPASSFILE" > {tmp_path}/pass\nstat -c %a "$PGPASSFILE" > {tmp_path}/mode\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    word = base64.b64encode(b"pass:word\\").decode() + ":x"
    url = f"postgresql+psycopg2://fex:{word.replace(':', '%3A')}@db:5433/ledger"
    databases.dump(url, tmp_path / "dump")
    assert word not in (tmp_path / "args").read_text() + (tmp_path / "env").read_text()
    assert (tmp_path / "pass").read_text() == "*:*:*:*:" + word.replace(":", "\\:") + "\n"
    assert (tmp_path / "mode").read_text() == "600\n"
    assert "PGHOST=db\n" in (tmp_path / "env").read_text()


def test_a_database_that_is_damaged_or_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        databases.dump(f"sqlite:///{tmp_path}/none.sqlite", tmp_path / "copy")
    wrong = tmp_path / "wrong.sqlite"
    wrong.write_bytes(b"no database at all" * 100)
    with pytest.raises(PlatformError, match=r"wrong\.sqlite"):
        databases.dump(f"sqlite:///{wrong}", tmp_path / "copy")
    with pytest.raises(ConfigurationError, match="only SQLite"):
        databases.dump("mysql+x://h/d", tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "fine.sqlite")) as fine:
        fine.execute("CREATE TABLE t (x)")
    databases.dump(f"sqlite:///{tmp_path}/fine.sqlite", tmp_path / "copy")
    assert json.dumps(databases.is_empty(f"sqlite:///{tmp_path}/copy")) == "false"
