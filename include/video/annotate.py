"""A copy of a recording that may be shown around: faces blurred, displayed expressions written."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from include.contracts.reasons import QuarantineCode
from include.settings import LimitSettings
from include.video.probe import checked_container, limits_for_child
from include.video.process import Budget, ConfinedChild, warn_unconfined
from include.video.refusals import refusal

_FIXED_CPU_S = 60.0
_FIXED_OUTPUT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class FaceLabel:
    """A face at a sampled time: its box in pixels of the upright picture, and what to write."""

    pts_s: float
    text: str
    x_px: float
    y_px: float
    width_px: float
    height_px: float


def labels_from_predictions(rows: Iterable[Mapping[str, Any]]) -> list[FaceLabel]:
    """Return a label per face of a predictions table (rows of schema `PREDICTIONS`).

    Expressions are written beside the respondents only: rows that say whose they are.
    """
    return [
        FaceLabel(
            pts_s=row["pts_s"],
            text=_text(row),
            x_px=row["box_x_px"],
            y_px=row["box_y_px"],
            width_px=row["box_width_px"],
            height_px=row["box_height_px"],
        )
        for row in rows
        if row["pts_s"] is not None and row["box_x_px"] is not None
    ]


def annotate_file(
    path: Path,
    name: str,
    labels: Iterable[FaceLabel],
    output: Path,
    *,
    limits: LimitSettings,
    sample_rate_hz: float = 1.0,
    max_side_px: int = 640,
    video_stream: int | None = None,
) -> None:
    """Write `output` (MP4, H.264, ten pictures a second at most, no sound), faces blurred.

    Faces are looked for in every written picture, not only in sampled ones, and
    a box stays blurred for half a second after the face was last found: a face
    that moves between two samples must not show.

    Args:
        path: The local copy of the recording.
        name: How people know it; used in sentences only.
        labels: What to write, in order of time; may be empty.
        output: Where to write; its folder exists.
        limits: What a recording and its decoder may be and use at most.
        sample_rate_hz: Rate at which the labels were sampled: how long one is shown.
        max_side_px: Longer side of the written picture at most.
        video_stream: Index of the stream that was extracted; None: chosen by the file's flags.

    Raises:
        PermanentInputError: The recording cannot be used.
        TransientError: The child was killed from outside.
    """
    cpu_s = _FIXED_CPU_S + limits.decoder_cpu_s_per_video_s * limits.max_duration_s
    ended = confined = False
    with (
        path.open("rb") as source,
        output.open("wb+") as target,
        tempfile.TemporaryFile("w+") as notes,
    ):
        size_bytes = path.stat().st_size
        kind = checked_container(source, size_bytes, name, limits)
        # By file: a long recording's labels are too many for a command line.
        json.dump([asdict(label) for label in labels], notes)
        notes.flush()
        notes.seek(0)
        request = {
            "job": "annotate",
            "demuxer": kind.demuxer,
            **limits_for_child(limits),
            "labels_fd": notes.fileno(),
            "output_fd": target.fileno(),
            "file_bytes": _FIXED_OUTPUT_BYTES + 2 * size_bytes,
            "label_s": 1.0 / sample_rate_hz,
            "max_side_px": max_side_px,
            "video_stream": video_stream,
        }
        budget = Budget(cpu_s=cpu_s, wall_s=2 * cpu_s, memory_bytes=limits.decoder_memory_bytes)
        descriptors = (notes.fileno(), target.fileno())
        with ConfinedChild(
            request, source=source, name=name, budget=budget, pass_fds=descriptors
        ) as child:
            for header, _ in child.messages():
                confined = confined or bool(header.get("confined"))
                ended = ended or header["kind"] == "annotated"
    if not ended:
        raise refusal(QuarantineCode.UNDECODABLE, name)
    if not confined:
        warn_unconfined(name)


def _text(row: Mapping[str, Any]) -> str:
    if row["respondent"] is None:
        return f"{row['face_id']}: not reported"
    if row["emotion"] is None:
        return f"{row['face_id']}: not read"
    return f"{row['face_id']}: {row['emotion']} {row['confidence']:.0%}"
