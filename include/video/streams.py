"""Which of several video streams is read: a file may hold the webcam and the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av.error
from av.stream import Disposition

from include.video.upright import UnreadableColoursError, frame_to_bgr, pixel_aspect

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from include.video.detection import FaceDetector, Image

MAX_LOOKED_AT = 4
_LOOKS = 5
_LOOK_PACKETS = 600
_NO_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """The stream that is read and why: "only", "default", "faces", "order" or "given"."""

    stream: VideoStream
    chosen_by: str


def video_streams(container: InputContainer) -> list[VideoStream]:
    """Return the streams that may be the recording: covers and thumbnails are not."""
    return [s for s in container.streams.video if not s.disposition & _NO_PICTURE]


def choose(streams: list[VideoStream], given: int | None) -> StreamChoice:
    """Choose by what the file says; "order" where it says nothing.

    Args:
        streams: At least one.
        given: Index of the stream that was chosen before, if any was.
    """
    for stream in streams:
        if stream.index == given:
            return StreamChoice(stream, "given")
    if len(streams) == 1:
        return StreamChoice(streams[0], "only")
    default = [stream for stream in streams if stream.disposition & Disposition.default]
    if len(default) == 1:
        return StreamChoice(default[0], "default")
    return StreamChoice((default or streams)[0], "order")


def described(streams: list[VideoStream], chosen: StreamChoice) -> list[dict[str, Any]]:
    """Return every stream as columns of a message."""
    return [
        {
            "index": stream.index,
            "width_px": stream.codec_context.width,
            "height_px": stream.codec_context.height,
            "default": bool(stream.disposition & Disposition.default),
            "chosen_by": chosen.chosen_by if stream is chosen.stream else None,
        }
        for stream in streams
    ]


def faces_rank(
    container: InputContainer, stream: VideoStream, detector: FaceDetector
) -> tuple[int, float]:
    """Return how little a stream looks like a respondent's camera; the least is the best.

    First by pictures without a face (of five spread over the stream), then by
    faces in a picture: a screen may show a call of many.
    """
    seen = [len(detector.detect(image)) for image in _looks(container, stream)]
    with_face = [count for count in seen if count]
    mean = sum(with_face) / len(with_face) if with_face else 0.0
    return -len(with_face), mean


def _looks(container: InputContainer, stream: VideoStream) -> Iterator[Image]:
    length = container.duration or 0
    start = container.start_time or 0
    for look in range(_LOOKS if length else 1):
        try:
            if length:
                container.seek(start + length * (2 * look + 1) // (2 * _LOOKS))
            packets = container.demux(stream)
            for _, packet in zip(range(_LOOK_PACKETS), packets, strict=False):
                frames = stream.codec_context.decode(packet)
                if frames:
                    yield frame_to_bgr(frames[0], pixel_aspect(stream))
                    break
        except MemoryError:
            raise
        except (av.error.FFmpegError, UnreadableColoursError):
            continue
