"""Matroska and WebM whose times start below zero, or late: every frame at the file's own time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from include.settings import LimitSettings
from include.video.matroska_times import TimesBelowZero
from include.video.probe import probe_file
from tests.media import make_media
from tests.unit.video.conftest import Extracted

Extract = Callable[..., Extracted]

REORDERED = {"codec": "libx264", "bf": "2", "x264-params": "open-gop=1"}
ONE_BY_ONE = {"codec": "libx264", "bf": "0"}
VP8 = {"codec": "libvpx", "deadline": "realtime"}
VP9 = {"codec": "libvpx-vp9", "deadline": "realtime", "cpu-used": "8"}
CODINGS = [
    pytest.param("mkv", REORDERED, id="H.264 reordered"),
    pytest.param("mkv", ONE_BY_ONE, id="H.264"),
    pytest.param("webm", VP8, id="VP8"),
    pytest.param("webm", VP9, id="VP9"),
]


def moved(path: Path, by_s: float, coding: dict[str, str], count: int = 60) -> Path:
    """Ten frames a second, a key frame every two seconds, times moved."""
    options = {"avoid_negative_ts": "disabled", "output_ts_offset": str(by_s)}
    pictures = make_media.face_pictures(count)
    return make_media.encode(path, pictures, rate=10, container_options=options, g="20", **coding)


@pytest.mark.parametrize(("ending", "coding"), CODINGS)
@pytest.mark.parametrize("rate_hz", [1.0, 10.0])
def test_times_below_zero_are_read(
    ending: str, coding: dict[str, str], rate_hz: float, tmp_path: Path, extract: Extract
) -> None:
    path = moved(tmp_path / f"below.{ending}", -2.5, coding)
    done = extract(path, sample_rate_hz=rate_hz)
    count = round(6 * rate_hz)
    assert done.column("reason") == [None] * count
    expected = [-2.5 + number / rate_hz for number in range(count)]
    assert done.column("pts_s") == pytest.approx(expected, abs=0.002)
    summary = done.result.summary
    assert (summary.seams, summary.damaged) == ([], [])
    assert summary.start_s == pytest.approx(-2.5, abs=0.002)
    assert summary.duration_s == pytest.approx(6.0, abs=0.01)
    report = probe_file(path, path.name, LimitSettings())
    assert report.start_s == pytest.approx(-2.5, abs=0.002)
    assert report.duration_s == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize(("ending", "coding"), CODINGS)
def test_moved_times_show_the_same_pictures(
    ending: str, coding: dict[str, str], tmp_path: Path, extract: Extract
) -> None:
    """What is cut out of each moment does not depend on where the clock begins."""
    boxes = [
        extract(moved(tmp_path / f"{by_s}.{ending}", by_s, coding)).column("box_x_px")
        for by_s in (0.0, -1.3)
    ]
    assert boxes[0] == boxes[1]
    assert len(set(boxes[0])) == 6, "the face drifts"


def test_a_cut_between_key_frames_is_read_from_the_key_frame_before(
    tmp_path: Path, extract: Extract
) -> None:
    """`-ss 1 -c copy -avoid_negative_ts disabled`: the copy starts at the key frame before."""
    whole = make_media.encode(
        tmp_path / "whole.mp4", make_media.face_pictures(60), rate=10, g="20", bf="2"
    )
    cut = tmp_path / "cut.mkv"
    with (
        av.open(str(whole)) as source,
        av.open(str(cut), "w", options={"avoid_negative_ts": "disabled"}) as output,
    ):
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        assert stream.time_base is not None
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts -= round(1.5 / stream.time_base)
            packet.dts -= round(1.5 / stream.time_base)
            packet.stream = copy
            output.mux(packet)
    done = extract(cut)
    assert done.column("pts_s") == pytest.approx([-1.5, -0.5, 0.5, 1.5, 2.5, 3.5], abs=0.002)
    assert done.result.summary.seams == []


def test_a_second_part_below_zero_follows_the_first(tmp_path: Path, extract: Extract) -> None:
    first = moved(tmp_path / "first.webm", 0.0, VP8, 40)
    second = moved(tmp_path / "second.webm", -1.0, VP8, 30)
    joined = tmp_path / "joined.webm"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    done = extract(joined)
    assert done.column("reason") == [None] * 4 + ["clock_seam"] + [None] * 2
    (seam,) = done.result.summary.seams
    assert seam.at_s == pytest.approx(4.0, abs=0.002)
    assert seam.jump_s == pytest.approx(-5.0, abs=0.002)


def test_a_late_start_is_no_gap_at_the_end(tmp_path: Path, extract: Extract) -> None:
    done = extract(moved(tmp_path / "late.mkv", 2.5, REORDERED))
    assert done.column("reason") == [None] * 6
    assert done.result.summary.duration_s == pytest.approx(6.0, abs=0.01)


def block(track: bytes, distance: int, flags: int = 0) -> bytes:
    content = track + distance.to_bytes(2, "big", signed=True) + bytes([flags]) + b"frame"
    return b"\xa3" + bytes([0x80 | len(content)]) + content


def document(cluster_time: int, *blocks: bytes) -> tuple[bytes, list[int]]:
    """A Segment and a Cluster of unknown size; where each block's content begins."""
    data = b"\x1a\x45\xdf\xa3\x82ab" + b"\x18\x53\x80\x67" + b"\x01" + b"\xff" * 7
    data += b"\xec\x84void" + b"\x1f\x43\xb6\x75\xff\xe7\x82" + cluster_time.to_bytes(2, "big")
    at = []
    for made in blocks:
        at.append(len(data) + 2)
        data += made
    return data, at


def looked_up(data: bytes, at: list[int], folder: Path) -> list[int | None]:
    path = folder / "document"
    path.write_bytes(data)
    with path.open("rb") as file:
        times = TimesBelowZero(file)
        found = [times.time_at(place) for place in at]
        assert [times.time_at(place) for place in reversed(at)] == found[::-1]
        assert file.tell() == 0
    return found


def test_only_times_below_zero_are_told(tmp_path: Path) -> None:
    data, at = document(
        100, block(b"\x81", -101), block(b"\x81", -100), block(b"\x81", 5), block(b"\x40\x81", -300)
    )
    assert looked_up(data, at, tmp_path) == [-1, None, None, -200]


def test_a_block_of_several_frames_is_left_alone(tmp_path: Path) -> None:
    data, at = document(0, block(b"\x81", -10, 0x02), block(b"\x81", -10, 0x80))
    assert looked_up(data, at, tmp_path) == [None, -10]


def test_damage_tells_nothing(tmp_path: Path) -> None:
    data, at = document(0, block(b"\x81", -10), block(b"\x81", -20))
    torn = bytearray(data)
    torn[at[0] - 2] = 0  # No element's name begins so.
    assert looked_up(bytes(torn), at, tmp_path) == [None, None]
    assert looked_up(data[: at[1] + 1], at, tmp_path) == [-10, None]
    assert looked_up(b"", [0, 10], tmp_path) == [None, None]
