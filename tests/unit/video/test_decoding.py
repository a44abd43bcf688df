"""The thrifty decoder shows exactly what a full decode shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from include.video.decoding import sampled_frames
from include.video.packets import StreamLimits, StreamRefusedError
from include.video.sampling import Sampler
from include.video.upright import frame_to_bgr
from tests.media.make_media import encode, moving_texture

UNLIMITED = StreamLimits(max_duration_s=1e6, max_frames=10**9)
Shown = list[tuple[int, int | None, bytes | None]]


def thrifty(path: Path, rate_hz: float, limits: StreamLimits = UNLIMITED) -> Shown:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        assert stream.time_base is not None
        sampler = Sampler(rate_hz, stream.time_base)
        shots = sampled_frames(container, stream, sampler, expected=0, limits=limits)
        return [
            (s.instant, s.pts, None if s.frame is None else frame_to_bgr(s.frame).tobytes())
            for s in shots
        ]


def full(path: Path, rate_hz: float) -> Shown:
    """Every frame decoded, in the order FFmpeg shows them."""
    shown: Shown = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        sampler = Sampler(rate_hz, stream.time_base)
        for frame in container.decode(stream):
            assert frame.pts is not None
            for pick in sampler.offer(frame.pts):
                pixels = None if pick.pts is None else frame_to_bgr(frame).tobytes()
                shown.append((pick.instant, pick.pts, pixels))
    return shown


def h264(x264: str, **options: str) -> Callable[[Path], Path]:
    return lambda path: encode(path, moving_texture(150), **{"x264-params": x264}, **options)


def irregular(path: Path) -> Path:
    steps = np.random.default_rng(5).integers(5, 140, 149)
    times = [0, *np.cumsum(steps).tolist()]
    times[80:] = [pts + 2500 for pts in times[80:]]
    return encode(path, moving_texture(150), pts=times, time_base=Fraction(1, 1000), g="30")


STREAMS: dict[str, Callable[[Path], Path]] = {
    "b-pyramid.mp4": h264("keyint=48:bframes=5:b-pyramid=normal"),
    "short-groups.mp4": h264("keyint=12:bframes=3:scenecut=0"),
    "open-groups.mkv": h264("open-gop=1:keyint=20:bframes=4:b-pyramid=normal:scenecut=0"),
    "open-groups.ts": h264("open-gop=1:keyint=20:bframes=4:scenecut=0", container="mpegts"),
    "no-b-frames.mov": h264("keyint=25:bframes=0"),
    "one-group.mp4": h264("keyint=infinite:bframes=3"),
    "intra-refresh.mp4": h264("intra-refresh=1:keyint=25:bframes=0"),
    "irregular.mp4": irregular,
    "mpeg4.avi": lambda p: encode(p, moving_texture(150), codec="mpeg4"),
    "mpeg4-b.mp4": lambda p: encode(p, moving_texture(150), codec="mpeg4", bf="2"),
    "h264.avi": lambda p: encode(p, moving_texture(150)),
    "vp8.webm": lambda p: encode(
        p,
        moving_texture(90),
        codec="libvpx",
        g="30",
        **{"auto-alt-ref": "1", "lag-in-frames": "16"},
    ),
    "vp9.webm": lambda p: encode(
        p, moving_texture(60), codec="libvpx-vp9", g="20", deadline="realtime", **{"cpu-used": "8"}
    ),
    "hevc.mp4": lambda p: encode(
        p,
        moving_texture(90),
        codec="libx265",
        preset="ultrafast",
        **{"x265-params": "keyint=20:bframes=3:log-level=none:pools=1"},
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_chosen_times_and_pixels_equal_a_full_decode(name: str, tmp_path: Path) -> None:
    path = STREAMS[name](tmp_path / name)
    for rate_hz in (0.5, 1.0, 4.0):
        assert thrifty(path, rate_hz) == full(path, rate_hz), rate_hz


def test_unneeded_frames_are_not_decoded(tmp_path: Path) -> None:
    path = h264("keyint=25:bframes=3")(tmp_path / "video.mp4")
    pictures = moving_texture(300, (640, 360))
    encode(path, pictures, g="50", bf="3", preset="veryfast")
    spent = {}
    for name, decode in (("thrifty", thrifty), ("full", full)):
        started = time.process_time()
        decode(path, 0.5)
        spent[name] = time.process_time() - started
    assert spent["thrifty"] < 0.8 * spent["full"]


def test_a_trimmed_start_is_not_shown(shared_data: Path) -> None:
    # The edit list of this clip hides its first three frames.
    path = shared_data / "videos" / "no_face.mp4"
    assert thrifty(path, 2.0) == full(path, 2.0)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (StreamLimits(max_duration_s=1.0, max_frames=10**9), "too_long"),
        (StreamLimits(max_duration_s=1e6, max_frames=40), "too_many_frames"),
    ],
)
def test_limits_hold_for_what_is_read_whatever_the_header_says(
    limits: StreamLimits, code: str, tmp_path: Path
) -> None:
    path = h264("keyint=25")(tmp_path / "video.mp4")
    with pytest.raises(StreamRefusedError) as refused:
        thrifty(path, 1.0, limits)
    assert refused.value.code == code


def test_damage_in_the_middle_leaves_both_ends(media: dict[str, Path]) -> None:
    shown = thrifty(media["corrupt-middle.mp4"], 1.0)
    assert [instant for instant, _, _ in shown] == list(range(12))
    readable = [pixels is not None for _, _, pixels in shown]
    assert readable[:3] == [True] * 3
    assert readable[-3:] == [True] * 3
    assert not all(readable)


def test_a_phone_recording_is_turned_upright(media: dict[str, Path]) -> None:
    with av.open(str(media["rotated-phone.mp4"])) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (320, 240)
        assert frame_to_bgr(frame).shape == (320, 240, 3)
