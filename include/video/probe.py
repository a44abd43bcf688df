"""Is this a recording the platform can use, and what does its header say?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from include.contracts.containers import SNIFFED_BYTES, Container, Foreign, kind_of
from include.contracts.reasons import QuarantineCode
from include.settings import LimitSettings
from include.video.process import Budget, ConfinedChild, warn_unconfined
from include.video.refusals import foreign_refusal, refusal

_CPU_S = 60.0
_WALL_S = 120.0
_SCANNED_BYTES_PER_S = 50e6
"""A file whose header states no length is read to its end."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What is known of a recording before it is decoded.

    `container` is FFmpeg's name of the demuxer, `codec` of the decoder. `width_px`
    and `height_px` are those of the stored picture, before its pixels are made
    square, it is mirrored left-right where `mirrored` says so and `rotation_deg`
    (counter-clockwise, -90..180) turns it upright; the others those of the picture
    shown then. `start_s` is the
    presentation time of the first frame. `average_rate` is frames per second,
    None where the header states none. `confined` is False where the system-call
    filter was not available.
    """

    container: str
    codec: str
    width_px: int
    height_px: int
    rotation_deg: int
    mirrored: bool
    shown_width_px: int
    shown_height_px: int
    duration_s: float
    frame_count_estimate: int | None
    start_s: float
    average_rate: float | None
    size_bytes: int
    confined: bool


def probe_file(path: Path, name: str, limits: LimitSettings) -> ProbeReport:
    """Inspect a local file in a confined child.

    Args:
        path: The local copy of the recording.
        name: How people know it; used in sentences only.
        limits: What a recording may be at most.

    Raises:
        PermanentInputError: The recording can never be used; `code` is a `QuarantineCode`.
        TransientError: The child was killed from outside.
        OSError: The local file cannot be read.
    """
    with path.open("rb") as source:
        size_bytes = path.stat().st_size
        kind = checked_container(source, size_bytes, name, limits)
        extra_s = size_bytes / _SCANNED_BYTES_PER_S
        budget = Budget(
            cpu_s=_CPU_S + extra_s,
            wall_s=_WALL_S + 2 * extra_s,
            memory_bytes=limits.decoder_memory_bytes,
        )
        request = {"job": "probe", "demuxer": kind.demuxer, **limits_for_child(limits)}
        answer: dict[str, Any] | None = None
        with ConfinedChild(request, source=source, name=name, budget=budget) as child:
            for header, _ in child.messages():
                if header["kind"] == "started":
                    confined = bool(header["confined"])
                elif header["kind"] == "probed":
                    answer = header
    if answer is None:
        raise refusal(QuarantineCode.UNDECODABLE, name)
    if not confined:
        warn_unconfined(name)
    return _report(answer, kind, size_bytes, confined=confined)


def checked_container(
    source: BinaryIO, size_bytes: int, name: str, limits: LimitSettings
) -> Container:
    """Return what an opened file is by its first bytes and its size.

    Raises:
        PermanentInputError: It is empty, too large or no video container.
    """
    source.seek(0)
    head = source.read(SNIFFED_BYTES)
    source.seek(0)
    kind = kind_of(head)
    if isinstance(kind, Foreign):
        raise foreign_refusal(kind, name)
    if kind is None:
        raise refusal(QuarantineCode.NOT_A_VIDEO if head else QuarantineCode.EMPTY_FILE, name)
    if size_bytes > limits.max_size_bytes:
        raise refusal(QuarantineCode.TOO_LARGE, name)
    return kind


def limits_for_child(limits: LimitSettings) -> dict[str, float | int]:
    """Return the limits that the child checks while it reads."""
    return limits.model_dump(include={"min_side_px", "max_pixels", "max_duration_s", "max_frames"})


def _report(
    answer: dict[str, Any], kind: Container, size_bytes: int, *, confined: bool
) -> ProbeReport:
    frames, rate = answer["frame_count_estimate"], answer["average_rate_hz"]
    return ProbeReport(
        container=kind.demuxer,
        codec=str(answer["codec"]),
        width_px=int(answer["width_px"]),
        height_px=int(answer["height_px"]),
        rotation_deg=int(answer["rotation_deg"]),
        mirrored=bool(answer["mirrored"]),
        shown_width_px=int(answer["shown_px"][0]),
        shown_height_px=int(answer["shown_px"][1]),
        duration_s=float(answer["duration_s"]),
        frame_count_estimate=None if frames is None else int(frames),
        start_s=float(answer["start_s"]),
        average_rate=None if rate is None else float(rate),
        size_bytes=size_bytes,
        confined=confined,
    )
