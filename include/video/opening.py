"""What every job of the confined child does first: open the recording its request names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from include.contracts.containers import container_of
from include.video import inspection
from include.video.inspection import OpenedVideo, PictureLimits
from include.video.packets import StreamLimits
from include.video.streams import MAX_LOOKED_AT, faces_rank

if TYPE_CHECKING:
    from include.video.detection import FaceDetector

Request = dict[str, Any]


def stream_limits(request: Request) -> StreamLimits:
    """Return the bounds on the stream that a request carries."""
    return StreamLimits(max_duration_s=request["max_duration_s"], max_frames=request["max_frames"])


def open_recording(request: Request, recording: BinaryIO) -> OpenedVideo:
    """Open the recording.

    Raises:
        StreamRefusedError: With the code of the first rule its header fails.
    """
    return inspection.open_video(
        recording,
        container_of(request["demuxer"]),
        PictureLimits(min_side_px=request["min_side_px"], max_pixels=request["max_pixels"]),
        stream_limits(request),
        request.get("video_stream"),
    )


def open_respondent(request: Request, recording: BinaryIO, detector: FaceDetector) -> OpenedVideo:
    """Open the recording; where the file does not say which video stream, by a look at each.

    Raises:
        StreamRefusedError: With the code of the first rule its header fails.
    """
    opened = open_recording(request, recording)
    if opened.chosen_by != "order":
        return opened
    ranked = []
    for number, told in enumerate(opened.video_streams[:MAX_LOOKED_AT]):
        looked = open_recording({**request, "video_stream": told["index"]}, recording)
        rank = faces_rank(looked.container, looked.stream, detector)
        ranked.append((rank, number, told["index"]))
    (faces, _), _, index = min(ranked)
    if not faces:
        return open_recording(request, recording)
    opened = open_recording({**request, "video_stream": index}, recording)
    for told in opened.video_streams:
        if told["index"] == index:
            told["chosen_by"] = "faces"
    return opened


def header_message(opened: OpenedVideo, duration_s: float | None) -> dict[str, Any]:
    """Return what the header says, as columns of a message."""
    context = opened.stream.codec_context
    return {
        "codec": context.name,
        "width_px": context.width,
        "height_px": context.height,
        "duration_s": duration_s,
        "average_rate_hz": inspection.average_rate_hz(opened.stream),
        "frame_count_estimate": inspection.frame_count_estimate(opened.stream, duration_s),
    }
