"""What the demo drops, follows and prints; the whole of it runs in tests/integration."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from include.contracts.errors import ConfigurationError
from include.contracts.quarantine import QUARANTINE_REASON, Original, QuarantineReason
from include.contracts.summary import (
    RECORDING_SUMMARY,
    AnsweredBy,
    ExpressionShown,
    FaceShown,
    Instants,
    Quality,
    RecordingSummary,
    RespondentShown,
    Sampling,
)
from include.demo.__main__ import main
from include.demo.results import explanation, results_table
from include.lake.store import Lake
from include.ledger.ledger import Ledger
from include.ledger.models import Recording, State
from include.platform import cli
from include.platform.dropping import Followed, NothingToDropError, drop, local_lake
from include.platform.following import Ending
from include.settings import StorageSettings


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    folder = tmp_path / "lake"
    (folder / "incoming").mkdir(parents=True)
    return folder


def test_a_file_is_dropped_under_its_own_name(tmp_path: Path, lake: Path) -> None:
    video = tmp_path / "a clip ü.mp4"
    video.write_bytes(b"video")
    assert drop(video, lake, "demo") == [lake / "incoming/demo/a clip ü.mp4"]
    assert (lake / "incoming/demo/a clip ü.mp4").read_bytes() == b"video"
    assert [path.name for path in lake.iterdir()] == ["incoming"]


def test_a_folder_is_dropped_with_its_study_files(tmp_path: Path, lake: Path) -> None:
    folder = tmp_path / "clips"
    (folder / "more").mkdir(parents=True)
    for name in ("b.mp4", "more/a.mov", "study.yaml", "half.part"):
        (folder / name).write_bytes(b"x")
    dropped = drop(folder, lake, "demo")
    assert [path.relative_to(lake / "incoming/demo").as_posix() for path in dropped] == [
        "b.mp4",
        "more/a.mov",
    ]
    assert (lake / "incoming/demo/study.yaml").exists()


def test_what_is_dropped_appears_at_once_and_whole(
    tmp_path: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"video")
    seen: list[list[Path]] = []
    replace = Path.replace

    def watch(self: Path, target: Path) -> Path:
        seen.append(list((lake / "incoming").rglob("*.mp4")))
        assert self.read_bytes() == b"video"
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    drop(video, lake, "demo")
    assert seen == [[]]


@pytest.mark.parametrize("kind", ["empty", "only a study file"])
def test_nothing_to_drop_is_said(tmp_path: Path, lake: Path, kind: str) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    if kind != "empty":
        (folder / "study.yaml").write_text("purpose: market_research")
    with pytest.raises(NothingToDropError, match="clips"):
        drop(folder, lake, "demo")


def test_the_demo_wants_a_local_lake() -> None:
    assert local_lake("file:///a%20b") == Path("/a b")
    with pytest.raises(ConfigurationError, match="FEX_STORAGE__LAKE_URL"):
        local_lake("s3://bucket")


def test_only_the_dropped_versions_are_followed(tmp_path: Path, lake: Path) -> None:
    lake_url, ledger_url = lake.as_uri(), f"sqlite:///{tmp_path}/ledger.sqlite"
    ledger = Ledger.open(ledger_url)
    store = Lake.open(StorageSettings(lake_url=lake_url))
    video = tmp_path / "a.mp4"
    video.write_bytes(b"first")
    drop(video, lake, "demo")
    ledger.observe(store.list_incoming(), datetime.now(UTC))
    old = ledger.unusable() + ledger.claimable("demo", datetime.now(UTC), _settings())
    ledger.quarantine(old[0].id, code="x", reason="x", result_key="x")

    video.write_bytes(b"second, longer")
    dropped = drop(video, lake, "demo")
    followed = Followed(lake_url=lake_url, ledger_url=ledger_url, dropped=dropped)
    assert followed.count == 1
    assert followed.rows() == []
    assert followed.unfinished([]) == 1
    ledger.observe(store.list_incoming(), datetime.now(UTC))
    [row] = followed.rows()
    assert row.state is State.DISCOVERED
    assert followed.unfinished([row]) == 1


def _settings():  # type: ignore[no-untyped-def]
    from include.settings import DiscoverySettings

    return DiscoverySettings(stable_for_s=0)


def recording(state: State, **changes: object) -> Recording:
    now = datetime.now(UTC)
    values = {
        "id": 1, "uri": "file:///a.mp4", "key": "incoming/demo/a.mp4", "version": "1",
        "size_bytes": 1, "study": "demo", "recording": "a.mp4", "problem": None, "state": state,
        "first_seen_at": now, "stable_since": now, "batch_id": None, "lease_until": None,
        "attempts": 1, "video_id": None, "extraction_id": None, "analysis_id": None,
        "reason_code": None, "reason": None, "result_key": None,
    }  # fmt: skip
    return Recording(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "timed_out", "ok"),
    [
        (["published"], False, True),
        (["published", "quarantined"], False, True),
        (["quarantined"], False, False),
        (["published", "failed"], False, False),
        (["published"], True, False),
        ([], False, False),
    ],
)
def test_the_demo_succeeds_when_there_is_a_report_and_nothing_failed(
    states: list[str], timed_out: bool, ok: bool
) -> None:
    rows = [recording(State(state)) for state in states]
    assert Ending(rows, timed_out=timed_out).ok is ok


def test_the_table_tells_what_was_displayed(lake: Path) -> None:
    folder = lake / "published/demo/a/1"
    folder.mkdir(parents=True)
    expressions = (
        ExpressionShown("neutral", 0.25),
        ExpressionShown("happiness", 0.7),
        ExpressionShown("fear", 0.0),
    )
    summary = RecordingSummary(
        study="demo",
        recording="a",
        model=AnsweredBy("1"),
        duration_s=20.0,
        quality=Quality("good"),
        instants=Instants(sampled=20, readable_share=0.75),
        sampling=Sampling(rate_hz=1.0),
        faces=(FaceShown("f1", 0.9, 0.0, expressions), FaceShown("f2", None, None, ())),
        respondents=(RespondentShown("1", "f1", expressions),),
    )
    (folder / "summary.json").write_bytes(RECORDING_SUMMARY.write(summary))
    row = recording(State.PUBLISHED, result_key="published/demo/a/1", recording="[b]a\x1b.mp4")
    text = rendered(results_table([row], lake))
    assert "20 (75% readable)" in text
    assert "happiness 70%, neutral 25%" in text
    assert "fear" not in text
    assert "[b]a" in text
    assert "\x1b" not in text


def test_the_table_stands_without_a_summary(lake: Path) -> None:
    row = recording(State.PUBLISHED, result_key="published/gone")
    assert "published" in rendered(results_table([row, recording(State.FAILED)], lake))


def test_a_refused_recording_comes_with_reason_and_remedy(lake: Path) -> None:
    reason = lake / "quarantine/reason.json"
    reason.parent.mkdir(parents=True)
    original = Original("file:///lake/incoming/s/r.mp4", "incoming/s/r.mp4", "1", 0)
    told = QuarantineReason("empty", "It is empty.", "Export again.", original, "2026-11-02")
    reason.write_bytes(QUARANTINE_REASON.write(told))
    row = recording(State.QUARANTINED, result_key="quarantine/reason.json", reason="short")
    assert "It is empty.\n    What to do: Export again." in explanation(row, lake)
    reason.unlink()
    assert "short" in explanation(row, lake)


def rendered(table: object) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_a_video_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEX_HOME", str(tmp_path / "home"))
    assert main(["recording", "--video", str(tmp_path / "none.mp4")]) == cli.FAILED
    assert "none.mp4" in capsys.readouterr().err
