"""Extraction end to end, on real files."""

from __future__ import annotations

import hashlib
import logging
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from include.contracts.errors import PermanentInputError
from include.contracts.extraction import EXTRACTION
from include.contracts.rows import MANIFEST
from include.made_media.demo_video import make_demo_video
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import EXTRACT_VERSION, extract_file
from tests.media import make_media
from tests.unit.video.conftest import Extracted

Extract = Callable[..., Extracted]


def presented_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def members_of(tars: Iterable[Path]) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for path in tars:
        with tarfile.open(path) as tar:
            for member in tar:
                data = tar.extractfile(member)
                assert data is not None
                members[f"{path.name}/{member.name}"] = data.read()
    return members


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.mp4"
    make_demo_video(path, seconds=12)
    return path


def test_the_manifest_has_its_schema_and_one_row_per_instant(
    media: dict[str, Path], extract: Extract
) -> None:
    done = extract(media["rotated-phone.mp4"], sample_rate_hz=2)
    assert pq.read_schema(done.result.manifest_path).equals(MANIFEST)
    assert done.column("row_id") == [f"{index:07d}-00" for index in range(4)]
    assert done.column("target_s") == [0.0, 0.5, 1.0, 1.5]
    assert done.column("reason") == [None] * 4
    assert done.result.confined


@pytest.mark.parametrize(
    "name", ["variable-rate.mp4", "late-start.ts", "two-people.mp4", "zero-rate.avi"]
)
def test_every_time_is_a_presentation_time_of_the_file(
    name: str, media: dict[str, Path], extract: Extract
) -> None:
    done = extract(media[name], sample_rate_hz=2)
    times = presented_times(media[name])
    shown = [row for row in done.rows if row["pts_s"] is not None]
    assert shown
    for row in shown:
        assert row["pts_s"] in times
        assert row["target_s"] <= row["pts_s"] < row["target_s"] + 0.5
        # No earlier frame would have done.
        assert not [t for t in times if row["target_s"] <= t < row["pts_s"]]
    assert min(done.column("target_s")) == times[0]


def test_a_hole_in_the_recording_is_gap_rows(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["variable-rate.mp4"])
    assert done.column("instant") == list(range(len(done.rows)))
    gaps = [row for row in done.rows if row["reason"] == "gap"]
    assert gaps
    assert all(row["pts_s"] is None and row["face_id"] is None for row in gaps)


def test_damage_is_rows_not_failure(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["corrupt-middle.mp4"])
    reasons = done.column("reason")
    assert len(reasons) == 12
    assert "unreadable_frame" in reasons
    assert reasons[0] is None
    assert reasons[-1] is None
    assert done.result.summary.reasons["unreadable_frame"] == reasons.count("unreadable_frame")


def test_nothing_decodable_is_refused(media: dict[str, Path], extract: Extract) -> None:
    with pytest.raises(PermanentInputError) as error:
        extract(media["nothing-decodable.mp4"])
    assert error.value.code == "undecodable"


def test_colours_that_are_not_read_are_rows_or_a_refusal(tmp_path: Path, extract: Extract) -> None:
    pictures = make_media.face_pictures(40)
    done = extract(make_media.coloured(tmp_path / "part.ts", pictures, 8, 1))
    assert done.column("reason") == ["unreadable_frame"] * 2 + [None] * 2
    assert done.column("pts_s")[:2] == [None, None]
    with pytest.raises(PermanentInputError) as error:
        extract(make_media.coloured(tmp_path / "whole.ts", pictures, 14))
    assert error.value.code == "unsupported_colours"
    assert "BT.709" in error.value.remedy


def test_no_face_is_no_error(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["no-face.mp4"])
    assert done.column("reason") == ["no_face"] * 4
    assert done.result.summary.instants_usable == 0
    assert done.result.shard_paths == ()


def test_two_people_keep_their_names(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["two-people.mp4"], sample_rate_hz=2)
    sides = {(row["face_id"], row["box_x_px"] > 200) for row in done.rows}
    assert sides in ({("f1", False), ("f2", True)}, {("f1", True), ("f2", False)})
    assert done.result.summary.faces == {"f1": 10, "f2": 10}


def test_two_people_who_cross_keep_their_names(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["crossing-people.mp4"])
    ids = set(done.column("face_id")) - {"unknown"}
    assert ids == {"f1", "f2"}

    def left_to_right(instant: int) -> list[str]:
        rows = [row for row in done.rows if row["instant"] == instant]
        return [row["face_id"] for row in sorted(rows, key=lambda row: row["box_x_px"])]

    last = max(done.column("instant"))
    assert left_to_right(0) == left_to_right(last)[::-1]


def test_a_phone_recording_is_read_upright(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["rotated-phone.mp4"])
    assert (done.result.summary.width_px, done.result.summary.height_px) == (240, 320)
    assert all(abs(row["roll_deg"]) < 20 for row in done.rows)
    assert all(row["left_eye_y_px"] < row["left_mouth_y_px"] for row in done.rows)


def test_the_demonstration_video_has_its_acts(demo: Path, extract: Extract) -> None:
    done = extract(demo)
    reasons = done.column("reason")
    assert reasons[:6] == [None] * 6
    assert reasons[6:9] == ["no_face"] * 3
    assert reasons[9:] == [None] * 3
    assert done.result.summary.scenes == 5
    # One person, on both sides of the cuts.
    assert {face for face in done.column("face_id") if face} == {"f1"}


def test_crops_and_frames_are_where_the_manifest_says(demo: Path, extract: Extract) -> None:
    done = extract(demo, shard_max_bytes=30_720)
    members = members_of(done.result.shard_paths)
    assert all(path.stat().st_size <= 30_720 for path in done.result.shard_paths)
    usable = [row for row in done.rows if row["reason"] is None]
    assert set(members) == {f"{row['shard']}/{row['row_id']}.jpg" for row in usable}
    assert len(done.result.shard_paths) > 1
    assert [row["shard"] for row in done.rows if row["reason"]] == [None] * 3
    crop = cv2.imdecode(np.frombuffer(next(iter(members.values())), np.uint8), cv2.IMREAD_COLOR)
    assert crop.shape == (112, 112, 3)
    frames = [name.rpartition("/")[2] for name in members_of(done.result.frame_paths)]
    assert frames == [f"{instant:07d}.jpg" for instant in range(12)]


def test_the_same_input_yields_the_same_bytes(demo: Path, extract: Extract) -> None:
    renamed = demo.with_name("renamed \u00e9 copy.mp4")
    renamed.write_bytes(demo.read_bytes())
    first, second = extract(demo), extract(renamed)
    assert hashes(first.workdir) == hashes(second.workdir)
    assert set(hashes(first.workdir)) == {
        "manifest.parquet",
        "extraction.json",
        f"shards/{'e' * 32}-00000.tar",
        f"frames/{'e' * 32}-00000.tar",
    }


def test_the_summary_adds_up(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["variable-rate.mp4"])
    summary = EXTRACTION.read(done.result.summary_path.read_bytes(), "extraction.json")
    assert summary == done.result.summary
    assert summary.stage_version == EXTRACT_VERSION
    assert summary.rows == len(done.rows)
    assert summary.instants_expected == len(set(done.column("instant")))
    assert summary.instants_present == sum(row["pts_s"] is not None for row in done.rows)
    assert summary.settings == ExtractionSettings().model_dump(mode="json")
    parts = {"start", "decode", "detect", "crop", "identity", "stillness", "other", "write"}
    assert set(done.result.timings) == parts


def test_unusable_faces_carry_their_reason(media: dict[str, Path], extract: Extract) -> None:
    path = media["two-people.mp4"]
    assert set(extract(path, min_face_px=200).column("reason")) == {"face_too_small"}
    assert set(extract(path, brightness_min=254, brightness_max=255).column("reason")) == {
        "face_too_dark"
    }
    assert set(extract(path, min_blur=1e4).column("reason")) == {"face_blurred"}


def test_only_the_largest_faces_are_kept(media: dict[str, Path], extract: Extract) -> None:
    done = extract(media["two-people.mp4"], max_faces_per_instant=1)
    assert len(done.rows) == done.result.summary.instants_present


def test_progress_is_told(media: dict[str, Path], tmp_path: Path) -> None:
    shares: list[float] = []
    extract_file(
        media["two-people.mp4"],
        "clip.mp4",
        video_id="v",
        extraction_id="e",
        settings=ExtractionSettings(),
        limits=LimitSettings(),
        workdir=tmp_path,
        progress=shares.append,
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_decoder_over_its_memory_is_refused(tmp_path: Path, extract: Extract) -> None:
    pictures = make_media.face_pictures(4, (1920, 1080))
    path = make_media.encode(tmp_path / "large.mp4", pictures, rate=2, preset="ultrafast")
    with pytest.raises(PermanentInputError) as error:
        extract(path, limits=LimitSettings(decoder_memory_bytes=64 << 20))
    assert error.value.code == "decoder_limit"


def test_a_missing_filter_library_is_a_warning(
    media: dict[str, Path],
    extract: Extract,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A module that fails as pyseccomp does without its shared library.
    (tmp_path / "pyseccomp.py").write_text('raise RuntimeError("Unable to find libseccomp")\n')
    from include.video import process

    whole = process._scrubbed_environment()
    path = f"{tmp_path}{os.pathsep}{whole['PYTHONPATH']}"
    monkeypatch.setattr(process, "_scrubbed_environment", lambda: {**whole, "PYTHONPATH": path})
    with caplog.at_level(logging.WARNING):
        done = extract(media["rotated-phone.mp4"])
    assert not done.result.confined
    assert "libseccomp" in caplog.text


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_length(tmp_path: Path, extract: Extract) -> None:
    path = make_media.long_video(tmp_path / "two-hours.mp4", seconds=7200)
    done = extract(path, sample_rate_hz=0.02)
    assert done.result.summary.duration_s == pytest.approx(7200, abs=1)
    assert done.result.summary.instants_usable == 144
    assert done.result.peak_memory_bytes < 400 << 20


def test_a_face_then_none(shared_data: Path, extract: Extract) -> None:
    done = extract(shared_data / "videos" / "face_noface.mov", sample_rate_hz=2)
    before: list[dict[str, Any]] = [row for row in done.rows if row["target_s"] <= 2.0]
    after = [row for row in done.rows if row["target_s"] >= 2.5]
    assert {row["reason"] for row in before} == {None}
    assert {row["reason"] for row in after} == {"no_face"}
    assert {row["scene"] for row in before} == {0}
    assert {row["scene"] for row in after} == {1}


@pytest.mark.parametrize("name", ["single_face.mp4", "face_noface.mov", "no_face.mp4"])
def test_public_clips_show_their_own_times(name: str, shared_data: Path, extract: Extract) -> None:
    path = shared_data / "videos" / name
    times = presented_times(path)
    assert set(extract(path, sample_rate_hz=5).column("pts_s")) - {None} <= set(times)
