"""Reads a video stream once and decodes no more of it than the sampled frames need.

The packets already say when each frame is shown, so which frames are wanted is
known before anything is decoded. What no wanted frame refers to is left out:

- frames no other frame refers to are skipped inside the decoder
  (`skip_frame`), or not handed to it when the container marks them disposable;
- from the last wanted frame of a closed group of pictures to the next key
  frame that resets the decoder, packets are dropped unread.

Both leave the wanted frames bit for bit what a full decode yields. Where the
packets' timestamps cannot be trusted (AVI, streams without timestamps, codecs
not listed below) every frame is decoded and chosen by its own timestamp.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import av
import av.error
from av.video.frame import PictureType

from include.contracts.containers import container_of
from include.contracts.reasons import QuarantineCode
from include.video.keyframes import resets_decoder
from include.video.packets import StreamLimits, StreamNotes, StreamRefusedError, steady_packets
from include.video.sampling import Pick, Sampler, rounding_ticks

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    VideoPacket = Packet[VideoStream]

PLANNED_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg"})
"""Decoders for which one packet is one frame with the packet's timestamp."""

_PEEKED_PACKETS = 32
_REORDER_PACKETS = 16
"""A frame's place in time is settled only this many packets later (the DPB of H.264 and HEVC)."""
_HELD_BYTES = 24 << 20


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """The frame of one instant. No `pts`: a gap. A `pts` but no `frame`: not decodable.

    `after_seam`: the first frame behind a seam of the clock; it is not handed out.
    """

    instant: int
    pts: int | None
    frame: av.VideoFrame | None
    after_seam: bool = False


def sampled_frames(
    container: InputContainer,
    stream: VideoStream,
    sampler: Sampler,
    *,
    expected: int,
    limits: StreamLimits,
    notes: StreamNotes | None = None,
    recording: BinaryIO | None = None,
) -> Iterator[SampledFrame]:
    """Yield every sampling instant of a stream, in order, exactly once.

    Args:
        container: An opened container; it is read to its end.
        stream: Its video stream.
        sampler: A fresh sampler with the stream's time base; how much its clock
            rounds is set here.
        expected: Instants the header promises; missing ones at the end are gaps,
            unless the clock broke off: then the header says nothing.
        limits: Bounds checked while reading.
        notes: Filled with what turns out on the way.
        recording: The file that was opened, for the times that FFmpeg loses
            (`packets.demuxed`).

    Raises:
        StreamRefusedError: A bound is passed.
        MemoryError: The decoder was refused memory.
    """
    notes = StreamNotes() if notes is None else notes
    packets = steady_packets(container, stream, limits, notes, recording)
    peeked = [packet for _, packet in zip(range(_PEEKED_PACKETS), packets, strict=False)]
    timed = all(packet.pts is not None for packet in peeked)
    timed = timed and any(packet.dts is not None for packet in peeked)
    counts_frames = container_of(container.format.name).counts_frames
    planned = (
        timed
        and not counts_frames
        and stream.codec_context.name in PLANNED_CODECS
        and len(peeked) > 0
    )
    times = [packet.pts for packet in peeked if packet.pts is not None]
    if not counts_frames:
        sampler.tolerate(rounding_ticks(sampler.time_base, times))
    source = chain(peeked, packets)
    if planned:
        shots = _PlannedDecoder(stream, sampler, limits, notes).run(source)
    else:
        shots = _decode_everything(stream, sampler, limits, notes, source)
    yield from _marked(shots, notes)
    for pick in sampler.finish(0 if notes.seams else expected):
        yield SampledFrame(pick.instant, None, None)


def _marked(shots: Iterator[SampledFrame], notes: StreamNotes) -> Iterator[SampledFrame]:
    """Mark the first frame behind each seam of the clock."""
    told = 0
    for shot in shots:
        behind = told
        while shot.pts is not None and behind < len(notes.seams):
            if notes.seams[behind].at > shot.pts:
                break
            behind += 1
        if behind == told:
            yield shot
        else:
            yield SampledFrame(shot.instant, shot.pts, None, after_seam=True)
        told = behind


def _decode(
    stream: VideoStream, packet: VideoPacket | None, notes: StreamNotes
) -> list[av.VideoFrame]:
    """Decode a packet; a damaged one yields nothing."""
    if packet is not None and packet.pts is not None and packet.pts in notes.torn:
        notes.damage.note(packet.pts)
    try:
        return stream.codec_context.decode(packet)
    except MemoryError:
        raise
    except av.error.FFmpegError:
        if packet is not None and packet.pts is not None:
            notes.damage.note(packet.pts)
        return []


def _shown(frame: av.VideoFrame, pts: int, notes: StreamNotes) -> av.VideoFrame | None:
    """The frame, where it shows what was recorded."""
    is_key = bool(frame.key_frame) and frame.pict_type == PictureType.I
    shows = notes.damage.shows(pts, is_key=is_key, is_damaged=frame.is_corrupt)
    return frame if shows else None


def _check_span(sampler: Sampler, pts: int, limits: StreamLimits) -> None:
    start = pts if sampler.start is None else sampler.start
    # A second of grace: the bound is on what people call the length of a video.
    if (pts - start) * sampler.time_base > limits.max_duration_s + 1:
        raise StreamRefusedError(QuarantineCode.TOO_LONG)


def _decode_everything(
    stream: VideoStream,
    sampler: Sampler,
    limits: StreamLimits,
    notes: StreamNotes,
    source: Iterator[VideoPacket],
) -> Iterator[SampledFrame]:
    for packet in chain(source, [None]):
        for frame in _decode(stream, packet, notes):
            pts = frame.dts if frame.pts is None else frame.pts
            if pts is None:
                continue
            _check_span(sampler, pts, limits)
            shown = _shown(frame, pts, notes)
            for pick in sampler.offer(pts):
                yield SampledFrame(pick.instant, pick.pts, None if pick.pts is None else shown)


@dataclass(slots=True)
class _Held:
    """A packet that is not decoded yet."""

    packet: VideoPacket
    pts: int
    resets: bool
    candidate: bool
    settled: bool = False
    wanted: bool = False


class _PlannedDecoder:
    """Chooses on packets, decodes the choice.

    Packets wait in `_held` in decoding order until it is settled whether their
    frame is wanted. A wanted one sends everything before it to the decoder; a
    decoder-resetting key frame lets everything settled before it be dropped.
    """

    def __init__(
        self, stream: VideoStream, sampler: Sampler, limits: StreamLimits, notes: StreamNotes
    ) -> None:
        self._stream = stream
        self._notes = notes
        self._context = stream.codec_context
        self._codec = stream.codec_context.name
        self._extradata = bytes(stream.codec_context.extradata or b"")
        self._sampler = sampler
        self._limits = limits
        self._held: deque[_Held] = deque()
        self._held_bytes = 0
        self._undecided: list[_Held] = []
        self._read_up_to: int | None = None
        self._first_shown: int | None = None
        self._awaited: deque[Pick] = deque()

    def run(self, source: Iterator[VideoPacket]) -> Iterator[SampledFrame]:
        for packet in source:
            self._hold(packet)
            if self._held_bytes > _HELD_BYTES:
                self._settle(final=True)
                yield from self._send(len(self._held))
            else:
                self._settle(final=False)
                yield from self._send(self._behind_last_wanted())
                self._drop_before_reset()
        self._settle(final=True)
        yield from self._send(self._behind_last_wanted())
        yield from self._match(_decode(self._stream, None, self._notes))
        yield from self._give_up(None)

    def _hold(self, packet: VideoPacket) -> None:
        key = packet.is_keyframe
        if key and self._first_shown is None:
            self._first_shown = packet.pts
        if self._first_shown is None:
            return  # Nothing can be decoded before the first key frame.
        pts = self._first_shown if packet.pts is None else packet.pts
        shown = packet.pts is not None and pts >= self._first_shown and not packet.is_discard
        candidate = shown and not (self._codec == "vp8" and _is_hidden_vp8(packet))
        resets = key and resets_decoder(self._codec, self._extradata, packet)
        held = _Held(packet, pts, resets, candidate, settled=not candidate)
        self._held.append(held)
        self._held_bytes += packet.size
        if candidate:
            self._undecided.append(held)
        if packet.dts is not None:
            self._read_up_to = packet.dts

    def _settle(self, *, final: bool) -> None:
        """Offer to the sampler, in order of presentation, what no later packet can precede."""
        if final:
            ready, self._undecided = self._undecided, []
        else:
            # Packets among the last few may still be preceded by one to come.
            known = max(0, len(self._undecided) - _REORDER_PACKETS)
            if not known or self._read_up_to is None:
                return
            bound = min(self._read_up_to, max(held.pts for held in self._undecided[:known]))
            head = [held for held in self._undecided if held.pts <= bound]
            if not head:
                return
            ready = head
            self._undecided = [held for held in self._undecided if held.pts > bound]
        for held in sorted(ready, key=lambda item: item.pts):
            held.settled = True
            _check_span(self._sampler, held.pts, self._limits)
            for pick in self._sampler.offer(held.pts):
                self._awaited.append(pick)
                held.wanted = held.wanted or pick.pts is not None

    def _behind_last_wanted(self) -> int:
        for back, held in enumerate(reversed(self._held)):
            if held.wanted:
                return len(self._held) - back
        return 0

    def _drop_before_reset(self) -> None:
        for index, held in enumerate(self._held):
            if held.resets and index:
                for _ in range(index):
                    self._held_bytes -= self._held.popleft().packet.size
                return
            if not held.settled:
                return

    def _send(self, count: int) -> Iterator[SampledFrame]:
        for _ in range(count):
            held = self._held.popleft()
            self._held_bytes -= held.packet.size
            needed = held.wanted or not held.settled
            if not needed and held.packet.is_disposable:
                continue
            self._context.skip_frame = "DEFAULT" if needed else "NONREF"
            yield from self._match(_decode(self._stream, held.packet, self._notes))

    def _match(self, frames: list[av.VideoFrame]) -> Iterator[SampledFrame]:
        for frame in frames:
            if frame.pts is None:
                continue
            shown = _shown(frame, frame.pts, self._notes)
            yield from self._give_up(frame.pts)
            if self._awaited and self._awaited[0].pts == frame.pts:
                pick = self._awaited.popleft()
                yield SampledFrame(pick.instant, pick.pts, shown)

    def _give_up(self, before_pts: int | None) -> Iterator[SampledFrame]:
        """Settle gaps, and frames that never came though later ones did."""
        while self._awaited:
            pts = self._awaited[0].pts
            if pts is not None and before_pts is not None and pts >= before_pts:
                return
            pick = self._awaited.popleft()
            yield SampledFrame(pick.instant, pick.pts, None)


def _is_hidden_vp8(packet: VideoPacket) -> bool:
    """A frame that is only referred to (RFC 6386, 9.1: bit 4 of the frame tag is show_frame)."""
    return not memoryview(packet)[0] >> 4 & 1
