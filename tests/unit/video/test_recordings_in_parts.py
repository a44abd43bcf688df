"""Recordings that were joined, leapt or were damaged, extracted end to end."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.media import make_media
from tests.unit.video.conftest import Extracted

Extract = Callable[..., Extracted]


def part(path: Path, count: int, *, face: bool = True, **options: object) -> Path:
    """Ten frames a second, a key frame each second, with or without a face."""
    pictures = (
        make_media.face_pictures(count)
        if face
        else [make_media.texture((320, 240), 1) for _ in range(count)]
    )
    return make_media.encode(path, pictures, rate=10, g="10", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("ts", {"container": "mpegts"}),
        ("mkv", {}),
        ("webm", {"codec": "libvpx", "deadline": "realtime"}),
    ],
)
def test_joined_parts_are_one_recording(
    ending: str, options: dict[str, str], tmp_path: Path, extract: Extract
) -> None:
    first = part(tmp_path / f"first.{ending}", 40, **options)
    second = part(tmp_path / f"second.{ending}", 50, face=False, **options)
    joined = tmp_path / f"joined.{ending}"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    done = extract(joined)
    reasons = done.column("reason")
    assert reasons == [None] * 4 + ["clock_seam"] + ["no_face"] * 4
    summary = done.result.summary
    assert [row["target_s"] - summary.start_s for row in done.rows] == pytest.approx(range(9))
    assert summary.duration_s == pytest.approx(9.0, abs=0.01)
    assert summary.instants_expected == 9
    (seam,) = summary.seams
    assert seam.at_s - summary.start_s == pytest.approx(4.0, abs=0.002)
    assert seam.jump_s == pytest.approx(-4.0, abs=0.002)
    # Whoever is seen behind the seam is not followed across it by place.
    assert done.column("scene") == [0] * 4 + [1] * 5
    assert summary.damaged == []


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_a_leap_of_an_hour_is_not_an_hour_of_gaps(
    ending: str, tmp_path: Path, extract: Extract
) -> None:
    # Ticks of 1/90000 s at ten frames a second.
    times = [9000 * index + (index >= 25) * 3600 * 90_000 for index in range(60)]
    path = part(tmp_path / f"leap.{ending}", 60, pts=times, time_base=Fraction(1, 90_000), bf="0")
    done = extract(path)
    assert done.column("reason") == [None] * 3 + ["clock_seam"] + [None] * 2
    (seam,) = done.result.summary.seams
    assert seam.jump_s == pytest.approx(3600, abs=0.02)
    assert done.result.summary.duration_s == pytest.approx(6.0, abs=0.02)


def test_some_seconds_without_a_frame_stay_a_gap(tmp_path: Path, extract: Extract) -> None:
    times = [100 * index + (index >= 25) * 8000 for index in range(40)]
    path = part(tmp_path / "frozen.mkv", 40, pts=times, time_base=Fraction(1, 1000))
    done = extract(path)
    assert done.column("reason") == [None] * 3 + ["gap"] * 7 + [None] * 2
    assert done.result.summary.seams == []


def test_a_wrapping_clock_is_no_seam(tmp_path: Path, extract: Extract) -> None:
    start = (1 << 33) - 90_000 * 2
    times = [start + 9000 * index for index in range(50)]
    path = part(
        tmp_path / "wrap.ts",
        50,
        pts=times,
        time_base=Fraction(1, 90_000),
        container="mpegts",
        container_options={"mpegts_copyts": "1"},
    )
    done = extract(path)
    assert done.column("reason") == [None] * 5
    assert done.result.summary.seams == []


def test_nothing_is_read_from_damage_to_the_next_key_frame(
    tmp_path: Path, extract: Extract
) -> None:
    path = part(tmp_path / "whole.mp4", 60, preset="ultrafast", bf="0")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        torn = packets[23]
        assert not torn.is_keyframe
        assert torn.pos is not None
        at, length = torn.pos, torn.size
    data = bytearray(path.read_bytes())
    data[at + 8 : at + length] = b"\xa5" * (length - 8)
    path.write_bytes(data)
    done = extract(path, sample_rate_hz=10)
    assert done.column("reason") == [None] * 23 + ["unreadable_frame"] * 7 + [None] * 30
    (span,) = done.result.summary.damaged
    assert (span.from_s, span.until_s) == pytest.approx((2.3, 3.0))


@pytest.mark.parametrize(
    ("name", "reasons", "seams", "damaged"),
    [
        (
            "ts_restart_nofacelater.ts",
            [None] * 5 + ["clock_seam"] + ["no_face"] * 7,
            [pytest.approx(4.067, abs=0.01)],
            [],
        ),
        (
            "ts_jump1h.ts",
            [None] * 5 + ["clock_seam"] + [None] * 3,
            [pytest.approx(4.067, abs=0.01)],
            [],
        ),
        (
            "browser_avc1_turned.mp4",
            [None] + [None, "no_face", "no_face", None] + ["unreadable_frame"] * 3,
            [],
            [(pytest.approx(4.207, abs=0.001), None)],
        ),
    ],
)
def test_recordings_of_the_field(
    name: str,
    reasons: list[str | None],
    seams: list[float],
    damaged: list[tuple[float, float | None]],
    shared_cases: Path,
    extract: Extract,
) -> None:
    done = extract(shared_cases / name)
    assert done.column("reason") == reasons
    summary = done.result.summary
    assert [seam.at_s - summary.start_s for seam in summary.seams] == seams
    assert [(span.from_s, span.until_s) for span in summary.damaged] == damaged


@pytest.mark.parametrize(
    ("name", "size_px", "why"),
    [
        ("twostreams.mkv", (640, 360), "default"),
        ("webcam_plus_screen_noface.mkv", (640, 360), "faces"),
    ],
)
def test_the_webcam_is_read_beside_the_screen(
    name: str, size_px: tuple[int, int], why: str, shared_cases: Path, extract: Extract
) -> None:
    summary = extract(shared_cases / name).result.summary
    assert (summary.width_px, summary.height_px) == size_px
    assert [stream.chosen_by for stream in summary.video_streams] == [why, None]
    assert summary.instants_usable > 0
