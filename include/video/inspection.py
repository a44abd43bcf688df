"""Opens a recording inside the confined child and reads what its header says."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import av

# PyAV imports these when it meets such a stream, which is after the lock-down.
import av.audio.codeccontext
import av.audio.stream
import av.error
import av.logging
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
import av.video.stream

from include.contracts.containers import Container
from include.contracts.reasons import QuarantineCode
from include.video import mp4_boxes, streams
from include.video.packets import StreamLimits, StreamRefusedError, demuxed
from include.video.upright import Orientation, orientation_of, pixel_aspect

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_SIDE_PX = 16384
"""No codec level in use goes beyond; a thin picture passes the bound on pixels."""

_READ_BYTES = 1 << 18
_FIRST_FRAME_PACKETS = 600
_CONTAINER_TICKS_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Bounds on the picture, checked before a decoder exists."""

    min_side_px: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class OpenedVideo:
    """An opened recording.

    `recording` is the file, `promised_s` the length its header states for the video
    stream itself, None where the header states none. `pixel_aspect` is the width of a pixel over
    its height. `video_streams` tells of every stream that may be the recording,
    `chosen_by` why this one is read (`streams.StreamChoice`).
    """

    container: InputContainer
    stream: VideoStream
    recording: BinaryIO
    promised_s: float | None
    pixel_aspect: Fraction
    video_streams: list[dict[str, Any]]
    chosen_by: str


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """What only the first decoded frame tells: its time and how it is to be laid."""

    start_s: float
    orientation: Orientation


def open_video(
    file: BinaryIO,
    kind: Container,
    picture: PictureLimits,
    limits: StreamLimits,
    given: int | None = None,
) -> OpenedVideo:
    """Open a recording with the demuxer of what its first bytes say it is, and check its header.

    Args:
        file: The recording.
        kind: What it is.
        picture: Bounds on the picture.
        limits: Bounds on the stream.
        given: Index of the video stream to read; None: chosen by what the file says.

    Raises:
        StreamRefusedError: With the code of the first rule that fails.
    """
    av.logging.set_level(None)
    if kind.boxes:
        _check_mp4(file, picture)
    file.seek(0)
    options = {
        "threads": "1",
        "max_pixels": str(picture.max_pixels),
        # Nothing but the given file is ever opened, whatever it refers to.
        "protocol_whitelist": "none",
        "format_whitelist": kind.demuxer,
    }
    try:
        container = av.open(
            file,
            "r",
            format=kind.demuxer,
            options=options,
            buffer_size=_READ_BYTES,
            # Titles and authors in an older encoding than UTF-8 are common, in AVI the rule.
            metadata_errors="replace",
        )
    except av.error.FFmpegError as error:
        raise StreamRefusedError(QuarantineCode.UNDECODABLE) from error
    videos = streams.video_streams(container)
    if not videos:
        raise StreamRefusedError(QuarantineCode.NO_VIDEO_STREAM)
    decodable = [s for s in videos if _has_decoder(s)]
    if not decodable:
        raise StreamRefusedError(QuarantineCode.UNSUPPORTED_CODEC)
    choice = streams.choose(decodable, given)
    stream = choice.stream
    stream.codec_context.thread_count = 1
    _check_picture(stream.codec_context.width, stream.codec_context.height, picture)
    opened = OpenedVideo(
        container,
        stream,
        file,
        _promised_s(container, stream),
        pixel_aspect(stream),
        streams.described(decodable, choice),
        choice.chosen_by,
    )
    _check_length(opened, limits)
    return opened


def first_frame(opened: OpenedVideo) -> FirstFrame:
    """Decode up to the first frame.

    Raises:
        StreamRefusedError: No frame can be decoded, or frames carry no times.
    """
    packets = demuxed(opened.container, opened.stream, opened.recording)
    for _, packet in zip(range(_FIRST_FRAME_PACKETS), packets, strict=False):
        try:
            frames = opened.stream.codec_context.decode(packet)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            continue
        for frame in frames:
            pts = frame.dts if frame.pts is None else frame.pts
            if pts is None:
                raise StreamRefusedError(QuarantineCode.NO_TIMESTAMPS)
            return FirstFrame(float(pts * _time_base(opened.stream)), orientation_of(frame))
    raise StreamRefusedError(QuarantineCode.UNDECODABLE)


def measured_duration_s(opened: OpenedVideo, limits: StreamLimits) -> float:
    """Read all packets of a stream whose header does not state its length; return that, seconds.

    Raises:
        StreamRefusedError: The stream goes past a limit.
    """
    first = last = None
    count = 0
    try:
        for packet in demuxed(opened.container, opened.stream, opened.recording):
            if packet.pts is None:
                continue
            count += 1
            first = packet.pts if first is None else min(first, packet.pts)
            last = max(last or packet.pts, packet.pts + (packet.duration or 0))
            if count > limits.max_frames:
                raise StreamRefusedError(QuarantineCode.TOO_MANY_FRAMES)
    except MemoryError:
        raise
    except av.error.FFmpegError:
        pass  # What was read up to the damage counts.
    if first is None or last is None:
        raise StreamRefusedError(QuarantineCode.NO_TIMESTAMPS)
    duration_s = float((last - first) * _time_base(opened.stream))
    if duration_s > limits.max_duration_s:
        raise StreamRefusedError(QuarantineCode.TOO_LONG)
    return duration_s


def average_rate_hz(stream: VideoStream) -> float | None:
    """Return the frames per second the header states; None when it states none."""
    rate = stream.average_rate
    return float(rate) if rate else None


def frame_count_estimate(stream: VideoStream, duration_s: float | None) -> int | None:
    """Return the number of frames the header states or implies; None when it tells nothing."""
    if stream.frames:
        return int(stream.frames)
    rate = average_rate_hz(stream)
    return round(rate * duration_s) if rate and duration_s else None


def _check_mp4(file: BinaryIO, picture: PictureLimits) -> None:
    header = mp4_boxes.read_header(file)
    if not header.complete:
        raise StreamRefusedError(QuarantineCode.TRUNCATED)
    for width, height in header.sizes_px:
        if width * height > picture.max_pixels or max(width, height) > MAX_SIDE_PX:
            raise StreamRefusedError(QuarantineCode.TOO_MANY_PIXELS)


def _check_picture(width: int, height: int, picture: PictureLimits) -> None:
    if width <= 0 or height <= 0:
        raise StreamRefusedError(QuarantineCode.UNDECODABLE)
    if width * height > picture.max_pixels or max(width, height) > MAX_SIDE_PX:
        raise StreamRefusedError(QuarantineCode.TOO_MANY_PIXELS)
    if min(width, height) < picture.min_side_px:
        raise StreamRefusedError(QuarantineCode.TOO_SMALL)


def _check_length(opened: OpenedVideo, limits: StreamLimits) -> None:
    if opened.promised_s is not None and opened.promised_s > limits.max_duration_s:
        raise StreamRefusedError(QuarantineCode.TOO_LONG)
    frames = frame_count_estimate(opened.stream, opened.promised_s)
    if frames is not None and frames > limits.max_frames:
        raise StreamRefusedError(QuarantineCode.TOO_MANY_FRAMES)


def _promised_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration:
        return float(stream.duration * _time_base(stream))
    # Matroska writers note when each track ends as "00:00:04.000000000", counted from zero.
    parts = stream.metadata.get("DURATION", "").split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdigit() for part in parts):
        ends_s = int(parts[0]) * 3600.0 + int(parts[1]) * 60.0 + float(parts[2])
        starts_s = float(max(0, stream.start_time or 0) * _time_base(stream))
        return ends_s - starts_s if ends_s > starts_s else None
    if container.duration and len(container.streams) == 1:
        return container.duration / _CONTAINER_TICKS_PER_S
    return None


def _has_decoder(stream: VideoStream) -> bool:
    """PyAV leaves the context out where FFmpeg knows no decoder; its types do not say so."""
    return getattr(stream, "codec_context", None) is not None


def _time_base(stream: VideoStream) -> Fraction:
    if stream.time_base is None:
        raise StreamRefusedError(QuarantineCode.NO_TIMESTAMPS)
    return stream.time_base
