"""Names that people give are never used as paths: in keys, in intake, in what pages read."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.composition import Services
from include.contracts.errors import ConfigurationError, PlatformError
from include.governance.bias.fixed_set import open_fixed_set
from include.lake import keys
from include.lake.store import Lake
from include.ledger.ledger import Ledger
from include.pipeline import reading
from include.pipeline.discover import discover
from include.pipeline.labelling import intake
from include.settings import DiscoverySettings, LabelSettings
from tests.fakes.home import services_in
from tests.unit.lake.conftest import Store

S3_KEY_MAX_BYTES = 1024
NAMES = {
    "up": "../../canary.txt",
    "up, in the middle": "a/../../../canary.txt",
    "up, as S3 takes it": "..",
    "here": ".",
    "absolute": "/etc/passwd",
    "absolute, twice": "//etc/passwd",
    "a drive": "C:\\Windows\\x",
    "up, as Windows has it": "..\\..\\canary.txt",
    "escaped once": "%2e%2e%2fcanary.txt",
    "escaped twice": "%252e%252e%252fcanary.txt",
    "escaped beyond UTF-8's shortest form": "%c0%ae%c0%ae/canary.txt",
    "ends in dots": "canary...",
    "ends in a space": "canary ",
    "full-width dots": "\uff0e\uff0e/canary.txt",
    "division slash": "..\u2215canary.txt",
    "one dot leader": "\u2024\u2024/canary.txt",
    "overridden direction": "\u202e4pm.yranac",
    "NUL": "canary.txt\0.mp4",
    "line break": "canary\n.txt",
    "very long": "n" * 4000,
    "very long, in letters of three bytes": "\u5b57" * 2000,
    "nothing": "",
    "a home": "~root/.ssh",
    "a variable": "$HOME/${HOME}/x",
    "a URL": "file:///etc/passwd",
    "a bucket": "s3://other/key",
}
DROPPED = {
    # As S3 keys: NUL is none, nor is more than 1,024 bytes; moto's server takes no line break.
    what: name
    for what, name in NAMES.items()
    if not {"\0", "\n"}.intersection(name) and 0 < len(name.encode()) < 900
}
OF_A_NAME: tuple[Callable[[str], str], ...] = (
    lambda name: keys.published(name, name, "a" * 32),
    lambda name: keys.withdrawn(name, name),
    lambda name: keys.current_choice(name, name, 1),
    lambda name: keys.quarantine_reason(name, name, "o" * 32),
    lambda name: keys.reprocess(name, "report.html"),
    lambda name: keys.notice(name),
    lambda name: keys.comparison(name),
    lambda name: keys.erasure(name),
    lambda name: keys.rollback_record(name),
)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_key_that_is_made_of_a_name_stays_in_its_folder(name: str) -> None:
    for key_of in OF_A_NAME:
        key, ordinary = key_of(name), key_of("ordinary")
        segments = key.split("/")
        assert segments[0] == ordinary.split("/")[0]
        assert len(segments) == len(ordinary.split("/")), key
        assert not {"", ".", ".."}.intersection(segments)
        assert key.isascii()
        assert key.isprintable()
        assert not set(key) & set("\\%~$: ")
        assert len(key) < S3_KEY_MAX_BYTES


def test_no_two_names_make_one_key() -> None:
    for key_of in OF_A_NAME:
        assert len({key_of(name) for name in NAMES.values()}) == len(NAMES)


def test_intake_takes_names_as_names(s3_store: Store, tmp_path: Path) -> None:
    """On S3, where a key is any text: as the name of a study, and as that of a recording."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    home = tmp_path / "home"
    home.mkdir()
    canary = tmp_path / "canary.txt"
    canary.write_text("as it was")
    ledger = Ledger.open(f"sqlite:///{home}/ledger.sqlite", clock=lambda: now)
    for name in DROPPED.values():
        s3_store.drop(f"incoming/{name}/r.mp4", name.encode())
        s3_store.drop(f"incoming/s/{name}.mp4", name.encode())
    before = set(_keys(s3_store.lake))
    settings = DiscoverySettings(stable_for_s=0, default_purpose="market_research")
    summary = discover(s3_store.lake, ledger, settings, run_key="1", now=now)
    # Hidden ones are none, and a server may take some for the same.
    assert summary.listed == len(list(s3_store.lake.list_incoming())) >= 30
    claimed = [row for batch in summary.batch_ids for row in ledger.recordings(batch)]
    assert len(claimed) + summary.quarantined == summary.new
    for number, row in enumerate(claimed):
        copy = home / f"copy-{number}"
        s3_store.lake.fetch(row.key, copy, version=row.version)
        assert copy.stat().st_size > 0
    written = set(_keys(s3_store.lake)) - before
    assert {key.split("/")[0] for key in written} <= {"quarantine"}
    assert all(key.isascii() and ".." not in key.split("/") for key in written)
    assert canary.read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary.txt", "home"]


def _keys(lake: Lake) -> Iterator[str]:
    for prefix in ("quarantine", "published", "extractions", "labels", "notices"):
        yield from lake.list(prefix)


def test_files_of_answers_are_taken_by_what_they_are(tmp_path: Path) -> None:
    """In a folder, where a name holds no slash and no NUL."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "canary.txt").write_text("as it was")
    services = services_in(
        home,
        labels=LabelSettings(pseudonym_key="k" * 32),
        discovery=DiscoverySettings(stable_for_s=0),
    )
    folder = home / "lake" / "labels" / "incoming"
    # Hidden files are none of anybody's answers.
    names = [name.replace("/", "\u2215")[:60] for name in (*DROPPED.values(), NAMES["line break"])]
    names = [name for name in names if not name.startswith(".")]
    for name in names:
        path = folder / f"{name}.csv"
        path.write_bytes(b"row_id,annotator,label\nx,ada,joy\n")
    taken = intake.run(services)
    assert taken["quarantined"] + taken["read"] == len(names)
    written = list(services.lake.list("labels/answers"))
    assert written
    assert all(key.isascii() and ".." not in key.split("/") for key in written)
    assert (tmp_path / "canary.txt").read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary.txt", "home"]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """A lake with a file beside it that no page may hand out, and folders that names could mean."""
    home = tmp_path_factory.mktemp("home")
    (home / "canary.txt").write_text("secret")
    services = services_in(home)
    services.lake.put_bytes("labels/queues/q1/pictures/row.jpg", b"\xff\xd8")
    services.lake.put_bytes("labels/queues/q1/queue.json", b"secret")
    services.lake.put_bytes("audits/a/record.json", b"secret")
    return services


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_page_finds_nothing_under_a_name_that_nobody_gave(services: Services, name: str) -> None:
    tried: tuple[Callable[[], object], ...] = (
        lambda: reading.files(services, name, name),
        lambda: reading.result_file(services, "s", name, name, max_bytes=1 << 20),
        lambda: reading.label_pictures(services, name),
        lambda: reading.label_picture(services, name, "row.jpg"),
        lambda: reading.label_picture(services, "q1", name),
        lambda: reading.label_picture(services, "q1", f"{name}.jpg"),
        lambda: reading.label_picture(services, "q1", f"../pictures/{name}"),
        lambda: reading.audit_page(services, name),
    )
    for one in tried:
        with pytest.raises(reading.NotThereError):
            one()
    assert reading.recordings(services, name) == []


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_lake_itself_leads_nowhere_else(services: Services, name: str) -> None:
    """Were a name ever used as a key after all."""
    for key in (name, f"published/{name}", f"published/../{name}"):
        try:
            found = services.lake.get_bytes(key)
        except (FileNotFoundError, PlatformError, ValueError):
            continue
        pytest.fail(f"{key!r} reads {found[:20]!r}")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_an_audit_set_names_pictures_in_its_zip_only(tmp_path: Path, name: str) -> None:
    (tmp_path / "canary.txt").write_bytes(b"secret")
    table = io.StringIO()
    csv.writer(table).writerows([["file", "age"], [name, "20-29"]])
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.csv", table.getvalue())
        archive.writestr("images/other.jpg", b"\xff\xd8")
    with pytest.raises(ConfigurationError, match="labels"):
        open_fixed_set(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["canary.txt", "set.zip"]
