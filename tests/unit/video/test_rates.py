"""Sampling at the rate of the frames: every container's clock, every common rate."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
import pytest

from include.video.decoding import sampled_frames
from include.video.packets import StreamLimits, StreamNotes
from include.video.sampling import Sampler, exact_rate, rounding_ticks

RATES = (1, 2, 3, 5, 10, 12.5, 15, 23.976, 24, 25, 29.97, 30, 50, 59.94, 60)
FRAMES = 66
UNLIMITED = StreamLimits(max_duration_s=1e6, max_frames=10**9)
_BLACK = np.zeros((32, 32, 3), np.uint8)

Writer = tuple[str, str, dict[str, str]]
CONTAINERS: dict[str, Writer] = {
    "mp4": ("mpeg4", "mp4", {}),
    "mov": ("mpeg4", "mov", {"video_track_timescale": "600"}),
    "mkv": ("mpeg4", "matroska", {}),
    "webm": ("libvpx", "webm", {}),
    "ts": ("mpeg2video", "mpegts", {}),
    "avi": ("mpeg4", "avi", {}),
}


def write(path: Path, container: str, rate: Fraction, *, delay_s: Fraction = Fraction(0)) -> Path:
    """A stream of 66 black frames at a constant rate."""
    codec, name, options = CONTAINERS[container]
    # MPEG-2 knows the broadcast rates only; in a transport stream any codec has the same clock.
    codec = "mpeg4" if codec == "mpeg2video" else codec
    base = Fraction(1, 48_000 if rate == exact_rate(23.976) else 60_000)
    with av.open(str(path), "w", format=name, options=options) as output:
        stream = output.add_stream(codec, rate=rate, options={"deadline": "realtime"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = 1 / rate if not delay_s else base
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(_BLACK, format="bgr24")
            if delay_s:
                frame.pts, frame.time_base = round((index / rate + delay_s) / base), base
            else:
                frame.pts, frame.time_base = index, 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def sampled(path: Path, rate_hz: float) -> tuple[list[int | None], list[int], Sampler]:
    """The timestamp of each instant, all timestamps, and the sampler that chose."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        assert stream.time_base is not None
        sampler = Sampler(rate_hz, stream.time_base)
        notes = StreamNotes()
        shots = list(
            sampled_frames(container, stream, sampler, expected=0, limits=UNLIMITED, notes=notes)
        )
        assert notes.seams == []
        assert all(shot.frame is not None for shot in shots if shot.pts is not None)
    with av.open(str(path)) as container:
        times = sorted(
            packet.dts if packet.pts is None else packet.pts
            for packet in container.demux(video=0)
            if packet.size
        )
    return [shot.pts for shot in shots], times, sampler


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("rate_hz", RATES)
def test_at_its_own_rate_every_frame_is_one_moment(
    container: str, rate_hz: float, tmp_path: Path
) -> None:
    path = write(tmp_path / f"clip.{container}", container, exact_rate(rate_hz))
    chosen, times, _ = sampled(path, rate_hz)
    assert chosen == times
    assert len(times) == FRAMES


@pytest.mark.parametrize("container", ["mkv", "webm", "mov", "ts"])
@pytest.mark.parametrize("rate_hz", [15, 23.976, 29.97, 30, 59.94, 60])
def test_a_first_frame_off_zero_is_rounded_too(
    container: str, rate_hz: float, tmp_path: Path
) -> None:
    for delay_s in (Fraction(1, 60), Fraction(7, 300)):
        path = write(
            tmp_path / f"clip.{container}", container, exact_rate(rate_hz), delay_s=delay_s
        )
        chosen, times, _ = sampled(path, rate_hz)
        assert chosen == times


@pytest.mark.parametrize("container", CONTAINERS)
def test_no_moment_is_a_gap_where_a_frame_exists(container: str, tmp_path: Path) -> None:
    for frames_hz in (12.5, 23.976, 30, 59.94):
        path = write(tmp_path / f"clip.{container}", container, exact_rate(frames_hz))
        with av.open(str(path)) as opened:
            time_base = opened.streams.video[0].time_base
            assert time_base is not None
            times = sorted(
                packet.dts if packet.pts is None else packet.pts
                for packet in opened.demux(video=0)
                if packet.size
            )
        for rate_hz in RATES:
            sampler = Sampler(rate_hz, time_base)
            if container != "avi":
                sampler.tolerate(rounding_ticks(time_base, times[:32]))
            picks = [pick.pts for pts in times for pick in sampler.offer(pts)]
            period = 1 / exact_rate(rate_hz) / time_base
            for instant, pts in enumerate(picks):
                if pts is not None:
                    opens = times[0] + instant * period
                    assert -sampler.tolerance <= pts - opens < period + sampler.tolerance
                    continue
                # A gap is where the frames, exactly timed, leave a period empty.
                first = ceil(instant / exact_rate(rate_hz) * exact_rate(frames_hz))
                late_s = first / exact_rate(frames_hz) - (instant + 1) / exact_rate(rate_hz)
                assert late_s > -2 * (sampler.tolerance + 1) * time_base, (frames_hz, rate_hz)
            if rate_hz <= frames_hz:
                assert None not in picks, (frames_hz, rate_hz)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (24, Fraction(24)),
        (30.0, Fraction(30)),
        (12.5, Fraction(25, 2)),
        (0.1, Fraction(1, 10)),
        (29.9, Fraction(299, 10)),
    ],
)
def test_broadcast_rates_are_what_is_meant(typed: float, meant: Fraction) -> None:
    assert exact_rate(typed) == meant


@pytest.mark.parametrize(
    ("time_base", "times", "ticks"),
    [
        (Fraction(1, 1000), [0, 33, 67, 100], Fraction(1, 2)),
        (Fraction(1, 1000), [7, 40, 74], Fraction(999, 1000)),
        (Fraction(1, 30), [0, 1, 2], Fraction(0)),  # AVI counts frames
        (Fraction(1, 16_000), [0, 33 * 16, 67 * 16, 100 * 16], Fraction(8)),  # copied from WebM
        (Fraction(1, 12_800), [0, 512, 1024], Fraction(1, 2)),
        (Fraction(1, 1000), [], Fraction(0)),
    ],
)
def test_how_far_a_clock_rounds(time_base: Fraction, times: list[int], ticks: Fraction) -> None:
    assert rounding_ticks(time_base, times) == ticks
