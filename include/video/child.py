"""The confined child: `python -m include.video.child REQUEST`, started by `process.ConfinedChild`.

The recording is standard input, answers go to standard output (`messages`).
Libraries and the network are loaded first, then the process locks itself down,
and only then is the recording touched. Kept free of whatever is slow to import:
every video pays for it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from include.contracts.reasons import QuarantineCode, RowReason
from include.video import confinement, inspection
from include.video.container_kind import Demuxer
from include.video.decoding import (
    StreamLimits,
    StreamRefusedError,
    frame_to_bgr,
    sampled_frames,
)
from include.video.inspection import OpenedVideo, PictureLimits
from include.video.messages import write_message
from include.video.sampling import Sampler, expected_instants

Request = dict[str, Any]
Job = Callable[[BinaryIO, BinaryIO], None]


def main() -> None:
    """Serve the one request of this process."""
    request: Request = json.loads(sys.argv[1])
    limits = confinement.ChildLimits(cpu_s=request["cpu_s"], memory_bytes=request["memory_bytes"])
    confinement.limit_resources(limits)
    pipe = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not land among the messages.
    os.dup2(2, 1)
    recording = os.fdopen(os.dup(0), "rb", buffering=0)
    job = _JOBS[request["job"]](request)
    confined = confinement.lock_down(limits)
    write_message(pipe, {"kind": "started", "confined": confined})
    try:
        job(recording, pipe)
    except StreamRefusedError as refused:
        write_message(pipe, {"kind": "refused", "code": refused.code.value})
    except MemoryError:
        write_message(pipe, {"kind": "refused", "code": QuarantineCode.DECODER_LIMIT.value})
    # Without the interpreter's own clean-up, which would want to do more than is allowed.
    os._exit(0)


def _open(request: Request, recording: BinaryIO) -> OpenedVideo:
    return inspection.open_video(
        recording,
        Demuxer(request["demuxer"]),
        PictureLimits(min_side_px=request["min_side_px"], max_pixels=request["max_pixels"]),
        _stream_limits(request),
    )


def _stream_limits(request: Request) -> StreamLimits:
    return StreamLimits(max_duration_s=request["max_duration_s"], max_frames=request["max_frames"])


def _header(opened: OpenedVideo, duration_s: float | None) -> dict[str, Any]:
    context = opened.stream.codec_context
    return {
        "codec": context.name,
        "width_px": context.width,
        "height_px": context.height,
        "duration_s": duration_s,
        "average_rate_hz": inspection.average_rate_hz(opened.stream),
        "frame_count_estimate": inspection.frame_count_estimate(opened.stream, duration_s),
    }


def _prepare_probe(request: Request) -> Job:
    confinement.preload()

    def probe(recording: BinaryIO, pipe: BinaryIO) -> None:
        opened = _open(request, recording)
        first = inspection.first_frame(opened)
        duration_s = opened.promised_s
        if duration_s is None:
            opened = _open(request, recording)
            duration_s = inspection.measured_duration_s(opened, _stream_limits(request))
        write_message(
            pipe,
            {
                "kind": "probed",
                **_header(opened, duration_s),
                "start_s": first.start_s,
                "rotation_deg": first.rotation_deg,
            },
        )

    return probe


def _prepare_extract(request: Request) -> Job:
    # Imported here: the probe, which runs for every file, does without.
    from include.video.analysis import AnalysisOptions, CpuSeconds, PictureAnalyser
    from include.video.face_quality import QualityLimits
    from include.video.warmup import warm_up

    confinement.preload()
    cpu = CpuSeconds()
    options = AnalysisOptions(
        **{**request["analysis"], "quality": QualityLimits(**request["analysis"]["quality"])}
    )
    analyser = PictureAnalyser(options, cpu)
    warm_up(options)
    cpu.book("start")

    def extract(recording: BinaryIO, pipe: BinaryIO) -> None:
        opened = _open(request, recording)
        stream = opened.stream
        if stream.time_base is None:
            raise StreamRefusedError(QuarantineCode.NO_TIMESTAMPS)
        write_message(pipe, {"kind": "opened", **_header(opened, opened.promised_s)})
        sampler = Sampler(request["sample_rate_hz"], stream.time_base)
        expected = expected_instants(opened.promised_s, request["sample_rate_hz"])
        shots = sampled_frames(
            opened.container,
            stream,
            sampler,
            expected=expected,
            limits=_stream_limits(request),
        )
        readable = 0
        for shot in shots:
            image = None if shot.frame is None else frame_to_bgr(shot.frame)
            cpu.book("decode")
            message: dict[str, Any] = {
                "kind": "instant",
                "instant": shot.instant,
                "target_s": sampler.target_s(shot.instant),
                "pts_s": None,
                "scene": analyser.scene,
                "faces": [],
            }
            if image is None or shot.pts is None:
                gap = shot.pts is None
                message["reason"] = (RowReason.GAP if gap else RowReason.UNREADABLE_FRAME).value
                write_message(pipe, message)
                continue
            readable += 1
            picture = analyser.analyse(shot.instant, image)
            message["pts_s"] = sampler.pts_s(shot.pts)
            message["scene"] = picture.scene
            message["reason"] = None if picture.faces else RowReason.NO_FACE.value
            message["faces"] = [_face(face) for face in picture.faces]
            message["frame_bytes"] = len(picture.frame_jpeg)
            payload = b"".join([picture.frame_jpeg, *(f.crop_jpeg or b"" for f in picture.faces)])
            write_message(pipe, message, payload)
            cpu.book("other")
        if not readable:
            raise StreamRefusedError(QuarantineCode.UNDECODABLE)
        cpu.book("decode")
        write_message(pipe, {"kind": "extracted", "expected": expected, "cpu_s": cpu.parts})

    return extract


def _face(face: Any) -> dict[str, Any]:
    return {
        "face_id": face.face_id,
        "box_px": [
            face.detection.x_px,
            face.detection.y_px,
            face.detection.width_px,
            face.detection.height_px,
        ],
        "detector_score": face.detection.score,
        "landmarks_px": face.detection.landmarks_px,
        "blur": face.measures.blur,
        "brightness": face.measures.brightness,
        "yaw_deg": face.measures.yaw_deg,
        "roll_deg": face.measures.roll_deg,
        "reason": face.reason,
        "crop_bytes": len(face.crop_jpeg or b""),
    }


_JOBS: dict[str, Callable[[Request], Job]] = {
    "probe": _prepare_probe,
    "extract": _prepare_extract,
}

if __name__ == "__main__":
    main()
