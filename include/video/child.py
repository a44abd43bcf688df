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
from typing import BinaryIO

from include.contracts.reasons import QuarantineCode
from include.video import confinement, inspection
from include.video.messages import write_message
from include.video.opening import Request, header_message, open_recording, stream_limits
from include.video.packets import StreamRefusedError
from include.video.upright import square_size

Job = Callable[[BinaryIO, BinaryIO], None]


def main() -> None:
    """Serve the one request of this process."""
    request: Request = json.loads(sys.argv[1])
    limits = confinement.ChildLimits(
        cpu_s=request["cpu_s"],
        memory_bytes=request["memory_bytes"],
        file_bytes=request.get("file_bytes", confinement.ERROR_LOG_BYTES),
    )
    confinement.limit_resources(limits)
    pipe = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not land among the messages.
    os.dup2(2, 1)
    recording = os.fdopen(os.dup(0), "rb", buffering=0)
    job = _JOBS[request["job"]](request)
    confined = confinement.lock_down(limits, confinement.load_filter_library())
    write_message(pipe, {"kind": "started", "confined": confined})
    try:
        job(recording, pipe)
    except StreamRefusedError as refused:
        write_message(pipe, {"kind": "refused", "code": refused.code.value})
    except MemoryError:
        write_message(pipe, {"kind": "refused", "code": QuarantineCode.DECODER_LIMIT.value})
    # Without the interpreter's own clean-up, which would want to do more than is allowed.
    os._exit(0)


def _probe_job(request: Request) -> Job:
    def probe(recording: BinaryIO, pipe: BinaryIO) -> None:
        opened = open_recording(request, recording)
        first = inspection.first_frame(opened)
        context = opened.stream.codec_context
        shown_px = square_size(context.width, context.height, opened.pixel_aspect)
        if first.orientation.transpose:
            shown_px = shown_px[::-1]
        duration_s = opened.promised_s
        if duration_s is None or first.start_s < 0:
            # Headers that tell when the last frame ends count from zero.
            opened = open_recording(request, recording)
            duration_s = inspection.measured_duration_s(opened, stream_limits(request))
        write_message(
            pipe,
            {
                "kind": "probed",
                **header_message(opened, duration_s),
                "start_s": first.start_s,
                "rotation_deg": first.orientation.rotation_deg,
                "mirrored": first.orientation.is_mirrored,
                "shown_px": shown_px,
            },
        )

    return probe


def _extraction_job(request: Request) -> Job:
    # Imported here: the probe, which runs for every file, does without.
    from include.video.extraction_job import ExtractionJob

    return ExtractionJob(request)


def _annotation_job(request: Request) -> Job:
    from include.video.annotation_job import AnnotationJob

    return AnnotationJob(request)


_JOBS: dict[str, Callable[[Request], Job]] = {
    "probe": _probe_job,
    "extract": _extraction_job,
    "annotate": _annotation_job,
}

if __name__ == "__main__":
    main()
