"""Every bad recording, as a real file, through every stage beside good ones.

One bad video never fails its batch, and every recording has an end.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import pandas as pd
import pytest

from include.ledger.ledger import Recording, State
from tests.integration.conftest import Pipeline, make_pipeline
from tests.integration.large_drop import check_large_drop
from tests.media.make_media import good_video, make_all

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

QUARANTINED = {
    "zero-bytes.mp4": "empty_file",
    "text.mp4": "not_a_video",
    "truncated.mp4": "truncated",
    "audio-only.mp4": "no_video_stream",
    "image.mp4": "not_a_video",
    "hls.mp4": "not_a_video",
    "concat.mp4": "not_a_video",
    "one-pixel.mp4": "too_small",
    "wide-header.mp4": "too_many_pixels",
    "wide-picture.mkv": "too_many_pixels",
    "nothing-decodable.mp4": "undecodable",
}
PUBLISHED = (
    "good.mp4",
    "the same, named with spaces and ünïcode.mp4",
    "named\nover two lines.mp4",
    "corrupt-middle.mp4",
    "variable-rate.mp4",
    "late-start.ts",
    "no-face.mp4",
    "two-people.mp4",
    "crossing-people.mp4",
    "rotated-phone.mp4",
    "zero-rate.avi",
)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, dict[str, Recording]]:
    """All of it, analysed in one batch."""
    pipeline = make_pipeline(tmp_path_factory.mktemp("pipeline"))
    folder = pipeline.incoming / "mixed study"
    make_all(folder)
    good_video(folder / "good.mp4")
    for name in PUBLISHED[1:3]:
        (folder / name).write_bytes((folder / "good.mp4").read_bytes())
    batches = pipeline.run()
    assert len(batches) == 1
    return pipeline, pipeline.recordings(batches)


def test_every_recording_has_an_end(settled: tuple[Pipeline, dict[str, Recording]]) -> None:
    _, recordings = settled
    ends = {name: recording.state for name, recording in recordings.items()}
    assert set(ends.values()) <= {State.PUBLISHED, State.QUARANTINED}, ends
    assert {*QUARANTINED, *PUBLISHED} <= set(ends)


@pytest.mark.parametrize("name", QUARANTINED)
def test_what_cannot_be_used_is_set_aside_with_a_reason(
    settled: tuple[Pipeline, dict[str, Recording]], name: str
) -> None:
    pipeline, recordings = settled
    recording = recordings[name]
    assert (recording.state, recording.reason_code) == (State.QUARANTINED, QUARANTINED[name])
    reason = json.loads(pipeline.services.lake.get_bytes(recording.result_key or ""))
    assert reason["code"] == QUARANTINED[name]
    assert name in reason["sentence"]
    assert len(reason["what_to_do"]) > 20
    assert reason["original"]["key"] == recording.key
    assert (pipeline.incoming / "mixed study" / name).exists(), "the original stays"


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_unusual_is_published(
    settled: tuple[Pipeline, dict[str, Recording]], name: str
) -> None:
    pipeline, recordings = settled
    recording = recordings[name]
    assert recording.state is State.PUBLISHED, recording.reason
    lake = pipeline.services.lake
    manifest = json.loads(lake.get_bytes(f"{recording.result_key}/manifest.json"))
    assert manifest["recording"] == name
    assert {"report.html", "predictions.parquet", "timeline.json"} <= set(manifest["files"])
    rows = _rows(pipeline, recording)
    named = rows["emotion"].notna()
    assert (named == rows["reason"].isna()).all(), "an expression or a reason, never both"
    assert sorted(rows["instant"].unique()) == list(range(rows["instant"].max() + 1))
    times = _presentation_times(pipeline.incoming / "mixed study" / name)
    assert {round(t, 6) for t in rows["pts_s"].dropna()} <= times


def test_the_same_bytes_are_computed_once_and_published_under_each_name(
    settled: tuple[Pipeline, dict[str, Recording]],
) -> None:
    pipeline, recordings = settled
    same = [recordings[name] for name in PUBLISHED[:3]]
    assert len({recording.analysis_id for recording in same}) == 1
    assert len({recording.result_key for recording in same}) == 3
    jobs = pipeline.services.ledger.jobs(same[0].batch_id or "")
    shards = [shard for job in jobs for shard in job.shards]
    assert len(shards) == len(set(shards))


def test_no_face_is_a_row_with_a_reason(
    settled: tuple[Pipeline, dict[str, Recording]],
) -> None:
    pipeline, recordings = settled
    rows = _rows(pipeline, recordings["no-face.mp4"])
    assert set(rows["reason"]) == {"no_face"}


def test_two_people_have_two_stable_ids(
    settled: tuple[Pipeline, dict[str, Recording]],
) -> None:
    pipeline, recordings = settled
    rows = _rows(pipeline, recordings["two-people.mp4"])
    faces = rows.dropna(subset=["face_id"])
    assert set(faces["face_id"]) == {"f1", "f2"}
    sides = faces.groupby("face_id")["box_x_px"].agg(["min", "max"])
    assert sides["max"].min() < sides["min"].max(), "each id stays on its side"


def test_a_file_that_still_grows_waits(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path, stable_for_s=3600)
    folder = pipeline.incoming / "slow upload"
    folder.mkdir(parents=True)
    good_video(folder / "growing.mp4")
    assert pipeline.run() == []
    assert pipeline.services.ledger.counts()[State.DISCOVERED] == 1


@pytest.mark.thorough
def test_many_at_once_of_which_some_are_bad(tmp_path: Path) -> None:
    check_large_drop(tmp_path, 12, bad=2, per_batch=6)


def _rows(pipeline: Pipeline, recording: Recording) -> pd.DataFrame:
    data = pipeline.services.lake.get_bytes(f"{recording.result_key}/predictions.parquet")
    return pd.read_parquet(io.BytesIO(data))


def _presentation_times(path: Path) -> set[float]:
    """Presentation times as FFmpeg gives them, read frame by frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        times = set()
        packets = container.demux(stream)
        while True:
            try:
                for frame in next(packets).decode():
                    if frame.pts is not None:
                        times.add(round(float(frame.pts * frame.time_base), 6))
            except StopIteration:
                return times
            except av.FFmpegError:
                continue
