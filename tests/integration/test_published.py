"""The common reader of published results, on a lake that the pipeline's own stages wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.contracts.rows import MANIFEST, PREDICTIONS
from include.pipeline import published
from tests.integration.conftest import Pipeline, make_pipeline
from tests.media.make_media import good_video, no_face

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FIRST, SECOND = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 9, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Two recordings published on one Monday, the bytes of the first again on the next."""
    pipeline = make_pipeline(tmp_path_factory.mktemp("published"))
    spot, again = pipeline.incoming / "Spot ä", pipeline.incoming / "again"
    spot.mkdir()
    again.mkdir()
    good_video(spot / "r 1.mp4")
    no_face(spot / "r2.mp4")
    pipeline.services.ledger.clock = lambda: FIRST
    pipeline.run("first")
    (again / "copy.mp4").write_bytes((spot / "r 1.mp4").read_bytes())
    pipeline.services.ledger.clock = lambda: SECOND
    pipeline.run("second")
    return pipeline


def _names(pipeline: Pipeline, since: datetime, until: datetime) -> list[tuple[str, str]]:
    found = published.recordings(pipeline.services, since, until)
    return [(item.study, item.recording) for item in found]


def test_a_window_holds_its_start_and_not_its_end(lake: Pipeline) -> None:
    first = [("Spot ä", "r 1.mp4"), ("Spot ä", "r2.mp4")]
    assert _names(lake, FIRST, SECOND) == first
    assert _names(lake, FIRST, SECOND + MINUTE) == [*first, ("again", "copy.mp4")]
    assert _names(lake, FIRST + MINUTE, SECOND) == []
    assert _names(lake, SECOND, SECOND) == []


def test_a_recording_says_who_answered_and_reads_its_tables(lake: Pipeline) -> None:
    one, other = published.recordings(lake.services, FIRST, SECOND)
    assert one.published_at == FIRST
    assert one.model.sha256 == other.model.sha256
    assert one.model.version.startswith("packaged")
    predictions, manifest = one.predictions(), one.manifest()
    assert predictions.schema.equals(PREDICTIONS)
    assert manifest.schema.equals(MANIFEST)
    assert predictions["row_id"].equals(manifest["row_id"])
    assert predictions["p_happiness"].null_count < predictions.num_rows
    assert set(other.predictions()["reason"].to_pylist()) == {"no_face"}


def test_the_same_bytes_twice_are_two_entries_of_one_extraction(lake: Pipeline) -> None:
    one, _, copy = published.recordings(lake.services, FIRST, SECOND + MINUTE)
    assert copy.extraction_id == one.extraction_id
    assert copy.analysis_id == one.analysis_id
    assert copy.prefix != one.prefix


def test_a_result_without_a_manifest_and_a_damaged_manifest_are_left_out(
    lake: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    store = lake.services.lake
    store.put_bytes("published/s/half/a/predictions.parquet", b"not yet")
    store.put_bytes("published/s/damaged/a/manifest.json", b'{"study": "s"}')
    store.put_bytes("published/s/damaged/b/manifest.json", b"[")
    assert len(_names(lake, FIRST, SECOND)) == 2
    assert "published/s/damaged/a/manifest.json" in caplog.text
    assert "published/s/damaged/b/manifest.json" in caplog.text


def test_a_manifest_without_a_time_is_as_old_as_its_object(lake: Pipeline) -> None:
    one = next(published.recordings(lake.services, FIRST, SECOND))
    store = lake.services.lake
    content = json.loads(store.get_bytes(f"{one.prefix}/manifest.json"))
    del content["published_at"]
    store.put_bytes("published/s/old/a/manifest.json", json.dumps(content).encode())
    now = datetime.now(UTC)
    [found] = published.recordings(lake.services, now - MINUTE, now + MINUTE)
    assert found.prefix == "published/s/old/a"
    assert store.delete_prefix("published/s/old") == 1


def test_an_erased_recording_is_missing_and_not_empty(lake: Pipeline, tmp_path: Path) -> None:
    own = make_pipeline(tmp_path)
    folder = own.incoming / "s"
    folder.mkdir()
    no_face(folder / "r.mp4")
    own.services.ledger.clock = lambda: FIRST
    own.run()
    [found] = published.recordings(own.services, FIRST, SECOND)
    own.services.lake.delete_prefix(f"extractions/{found.extraction_id}")
    assert found.predictions().num_rows
    with pytest.raises(FileNotFoundError):
        found.manifest()


def test_a_window_without_a_zone_or_turned_round_is_refused(lake: Pipeline) -> None:
    with pytest.raises(ValueError, match="zone"):
        list(published.recordings(lake.services, FIRST.replace(tzinfo=None), SECOND))
    with pytest.raises(ValueError, match="before it starts"):
        list(published.recordings(lake.services, SECOND, FIRST))
