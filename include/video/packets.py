"""The packets of a video stream on one steady clock, and what is noted while it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

import av.error

from include.contracts.containers import MATROSKA, container_of
from include.contracts.reasons import QuarantineCode
from include.video.clock import Seam, SteadyClock
from include.video.damage import DamageWatch
from include.video.holes import DOUBTED_BEFORE_S, HoleWatch, Integrity
from include.video.matroska_times import TimesBelowZero

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    VideoPacket = Packet[VideoStream]

_DEMUX_RETRIES = 64
_TORN_LAG_PACKETS = 2
"""FFmpeg marks a frame or the one before it (its parser runs one behind)."""
_SOUND = (Integrity.SOUND, Integrity.ANEW)


class StreamRefusedError(Exception):
    """The stream goes past a limit while it is read; `code` is a `QuarantineCode`."""

    def __init__(self, code: QuarantineCode) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a stream may be at most, checked while it is read."""

    max_duration_s: float
    max_frames: int


@dataclass(slots=True)
class StreamNotes:
    """What turned out while a stream was read; times are ticks of the steady clock.

    `torn`: frames of which a part was lost, or one they refer to, though the decoder may not
    say so.
    """

    clock: SteadyClock | None = None
    damage: DamageWatch = field(default_factory=DamageWatch)
    torn: set[int] = field(default_factory=set)

    @property
    def seams(self) -> list[Seam]:
        """Where the file's clock broke off, in order."""
        return [] if self.clock is None else self.clock.seams

    @property
    def end(self) -> int | None:
        """When the last frame ends; None where frames are counted, not timed."""
        return None if self.clock is None else self.clock.end


def demuxed(
    container: InputContainer,
    stream: VideoStream,
    recording: BinaryIO | None,
    holes: HoleWatch | None = None,
) -> Iterator[VideoPacket]:
    """Yield the stream's packets as FFmpeg does, with the times below zero that it loses.

    Args:
        container: The opened container.
        stream: Its video stream.
        recording: The file that was opened; None: times stay as FFmpeg tells them.
        holes: Told of the sound beside the stream.

    Raises:
        FFmpegError: The stream is damaged here; to be asked again.
    """
    below_zero = None
    if recording is not None and container_of(container.format.name) is MATROSKA:
        below_zero = TimesBelowZero(recording)
    for packet in _with_sound(container, stream, holes):
        if below_zero is not None and packet.size and packet.pos is not None:
            pts = below_zero.time_at(packet.pos)
            if pts is not None:
                packet.pts = pts
                packet.dts = None if stream.codec_context.has_b_frames else pts
        yield packet


def _with_sound(
    container: InputContainer, stream: VideoStream, holes: HoleWatch | None
) -> Iterator[VideoPacket]:
    sound = _sound(container)
    if holes is None or sound is None:
        yield from container.demux(stream)
        return
    for packet in container.demux(stream, sound):
        if packet.stream_index == stream.index:
            yield cast("VideoPacket", packet)
        elif packet.pts is not None:
            holes.heard(float(packet.pts * packet.time_base))


def _sound(container: InputContainer) -> AudioStream | None:
    return next(iter(container.streams.audio), None)


def _hole_watch(container: InputContainer, stream: VideoStream) -> HoleWatch | None:
    """What looks for lost chunks: of containers that count nothing, written as they are recorded.

    A recorder that writes chunks does not reorder frames; where they are reordered a step of
    time is none of a hole.
    """
    if container_of(container.format.name) is not MATROSKA or stream.codec_context.has_b_frames:
        return None
    rate = stream.average_rate
    return HoleWatch(float(1 / rate) if rate else None)


def steady_packets(
    container: InputContainer,
    stream: VideoStream,
    limits: StreamLimits,
    notes: StreamNotes,
    recording: BinaryIO | None = None,
) -> Iterator[VideoPacket]:
    """Yield the packets that carry data, their times set to the steady clock.

    Where the transport lost something (MPEG-TS counts its packets) the frame is noted
    as torn; not so right before a key frame: where parts are joined the count
    breaks, and nothing is missing. So is every frame that may refer to a lost one; those of
    which not even the time is known are left out (`holes`).

    Raises:
        StreamRefusedError: There are too many.
    """
    clock = steady_clock(container, stream)
    notes.clock = clock
    holes = _hole_watch(container, stream)
    doubtful: list[VideoPacket] = []
    packets = _packets(container, stream, limits, recording, holes)
    for packet, in_doubt in _with_doubt(packets, holes):
        pts = packet.pts
        if clock is not None and pts is not None:
            placed, dts = clock.place(pts, packet.dts, packet.duration, is_key=packet.is_keyframe)
            if placed != pts:
                packet.pts, packet.dts = placed, dts
        if in_doubt and packet.pts is not None:
            notes.torn.add(packet.pts)
        if doubtful and packet.is_keyframe:
            yield from doubtful
            doubtful = []
        if not doubtful and not packet.is_corrupt:
            yield packet
            continue
        doubtful.append(packet)
        if len(doubtful) > _TORN_LAG_PACKETS:
            if doubtful[0].pts is not None:
                notes.torn.add(doubtful[0].pts)
            yield from doubtful
            doubtful = []
    yield from doubtful


def _with_doubt(
    packets: Iterator[VideoPacket], holes: HoleWatch | None
) -> Iterator[tuple[VideoPacket, bool]]:
    """Tell of each packet whether its frame may refer to a lost one, or have a wrong time.

    They come `DOUBTED_BEFORE_S` late: a hole throws doubt on those right before it too.
    """
    recent: deque[tuple[float, VideoPacket, bool]] = deque()
    before, at_s = Integrity.SOUND, 0.0
    for packet in packets:
        if holes is None:
            yield packet, False
            continue
        integrity = before
        if packet.pts is not None:
            at_s = float(packet.pts * packet.time_base)
            integrity = holes.integrity(at_s, is_key=packet.is_keyframe)
        if integrity is Integrity.ANEW or (before in _SOUND and integrity not in _SOUND):
            yield from ((earlier, True) for _, earlier, _ in recent)
            recent.clear()
        before = integrity
        if integrity is not Integrity.MISPLACED:
            recent.append((at_s, packet, integrity not in _SOUND))
        while recent and abs(at_s - recent[0][0]) > DOUBTED_BEFORE_S:
            _, earlier, doubted = recent.popleft()
            yield earlier, doubted
    yield from ((packet, doubted) for _, packet, doubted in recent)


def steady_clock(container: InputContainer, stream: VideoStream) -> SteadyClock | None:
    """Return the clock for a stream; None where frames are counted: it cannot break off."""
    kind = container_of(container.format.name)
    if stream.time_base is None or kind.counts_frames:
        return None
    return SteadyClock(
        stream.time_base,
        wraps_at=kind.wraps_at,
        reorders=stream.codec_context.has_b_frames,
        decoding_times=kind.decoding_times,
    )


def _packets(
    container: InputContainer,
    stream: VideoStream,
    limits: StreamLimits,
    recording: BinaryIO | None,
    holes: HoleWatch | None,
) -> Iterator[VideoPacket]:
    """Yield the stream's packets that carry data; a damaged stretch is stepped over."""
    count = failures = 0
    while True:
        try:
            for packet in demuxed(container, stream, recording, holes):
                if packet.size == 0:
                    continue
                failures = 0
                count += 1
                if count > limits.max_frames:
                    raise StreamRefusedError(QuarantineCode.TOO_MANY_FRAMES)
                yield packet
        except MemoryError:
            raise
        except av.error.FFmpegError:
            failures += 1
            if failures > _DEMUX_RETRIES:
                return
        else:
            return
