"""Extraction: one local recording in, face crops, sampled frames and the manifest out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.contracts.extraction import EXTRACTION, Extraction
from include.contracts.reasons import QuarantineCode
from include.settings import ExtractionSettings, LimitSettings
from include.video.probe import ProbeReport, checked_container, limits_for_child
from include.video.process import Budget, ConfinedChild, warn_unconfined
from include.video.recorder import ExtractionRecorder
from include.video.refusals import refusal

EXTRACT_VERSION = 2
"""Version of this stage's code: raise it whenever the same bytes would yield another output."""
EXTRACT_GOLDEN = "9cdabada9e10042a5bc5f875c0b034db"
"""What this version makes of a fixed input, hashed (`tests/unit/test_stage_versions.py`)."""

_FIXED_CPU_S = 60.0
_WALL_PER_CPU = 6.0
"""Wall time allowed per CPU second allowed: the machine may be busy with other videos."""


@dataclass(frozen=True, slots=True)
class ExtractionResult:
    """What an extraction left in its working folder, and what it cost.

    `summary` is what extraction.json holds. `timings` are CPU seconds by part
    (start, decode, detect, crop, identity, stillness, other in the child; write in this
    process).
    """

    manifest_path: Path
    shard_paths: tuple[Path, ...]
    frame_paths: tuple[Path, ...]
    summary_path: Path
    summary: Extraction
    timings: dict[str, float]
    peak_memory_bytes: int
    confined: bool


def extract_file(
    path: Path,
    name: str,
    *,
    video_id: str,
    extraction_id: str,
    settings: ExtractionSettings,
    limits: LimitSettings,
    workdir: Path,
    probe: ProbeReport | None = None,
    progress: Callable[[float], None] | None = None,
) -> ExtractionResult:
    """Extract a local recording in a confined child.

    Writes `manifest.parquet` (schema `MANIFEST`), `shards/{extraction_id}-{n:05d}.tar`
    (usable face crops, `{row_id}.jpg`), `frames/{extraction_id}-{n:05d}.tar` (sampled
    frames, `{instant:07d}.jpg`) and, last, `extraction.json` (summary). The same
    input yields the same bytes. Rows come in order of instant; in each, faces from
    the largest to the smallest.

    Args:
        path: The local copy of the recording.
        name: How people know it; used in sentences only, written nowhere.
        video_id: Identity of the bytes, noted in the summary.
        extraction_id: Identity of this extraction, part of the tar files' names.
        settings: How to sample, detect, crop.
        limits: What a recording and its decoder may be and use at most.
        workdir: An existing folder of its own.
        probe: The recording's report, if at hand: bounds the CPU time from the start.
        progress: Called with the share done, 0..1, about twice a second.

    Raises:
        PermanentInputError: The recording can never be used; nothing at all can be
            decoded, or the decoder went past its bounds.
        TransientError: The child was killed from outside.
    """
    started_cpu_s = time.process_time()
    with path.open("rb") as source:
        kind = checked_container(source, path.stat().st_size, name, limits)
        request = {
            "job": "extract",
            "demuxer": kind.demuxer,
            **limits_for_child(limits),
            "sample_rate_hz": settings.sample_rate_hz,
            "analysis": analysis_request(settings),
        }
        recorder = ExtractionRecorder(
            workdir,
            extraction_id,
            sample_rate_hz=settings.sample_rate_hz,
            tar_max_bytes=settings.shard_max_bytes,
            progress=progress,
        )
        longest_s = limits.max_duration_s if probe is None else probe.duration_s
        child = ConfinedChild(request, source=source, name=name, budget=_budget(limits, longest_s))
        _run(child, recorder, name, limits)
    summary = recorder.extraction(
        video_id=video_id,
        extraction_id=extraction_id,
        stage_version=EXTRACT_VERSION,
        container=kind.demuxer,
        settings=settings,
    )
    summary_path = workdir / "extraction.json"
    summary_path.write_bytes(EXTRACTION.write(summary) + b"\n")
    timings = {**recorder.cpu_s, "write": time.process_time() - started_cpu_s}
    return ExtractionResult(
        manifest_path=workdir / "manifest.parquet",
        shard_paths=tuple(sorted((workdir / "shards").iterdir())),
        frame_paths=tuple(sorted((workdir / "frames").iterdir())),
        summary_path=summary_path,
        summary=summary,
        timings=timings,
        peak_memory_bytes=child.peak_memory_bytes,
        confined=recorder.confined,
    )


def _run(
    child: ConfinedChild, recorder: ExtractionRecorder, name: str, limits: LimitSettings
) -> None:
    with child, recorder:
        for header, payload in child.messages():
            try:
                recorder.take(header, payload)
            except (LookupError, TypeError, ValueError) as error:
                # The child speaks nonsense only when the decoder was taken over.
                raise refusal(QuarantineCode.UNDECODABLE, name) from error
            if header["kind"] == "opened" and recorder.promised_s:
                # Until now the longest recording that is accepted set the budget.
                child.allow(_budget(limits, recorder.promised_s))
    if not recorder.ended:
        raise refusal(QuarantineCode.UNDECODABLE, name)
    if not recorder.confined:
        warn_unconfined(name)


def _budget(limits: LimitSettings, duration_s: float) -> Budget:
    cpu_s = _FIXED_CPU_S + limits.decoder_cpu_s_per_video_s * duration_s
    return Budget(
        cpu_s=cpu_s,
        wall_s=_FIXED_CPU_S + _WALL_PER_CPU * cpu_s,
        memory_bytes=limits.decoder_memory_bytes,
    )


def analysis_request(settings: ExtractionSettings) -> dict[str, Any]:
    """Return what the child is told of how to analyse pictures (`analysis.AnalysisOptions`)."""
    quality = {"min_face_px", "min_blur", "brightness_min", "brightness_max", "max_yaw_deg"}
    elsewhere = {"sample_rate_hz", "shard_max_bytes"}
    return {
        **settings.model_dump(exclude=quality | elsewhere),
        "quality": settings.model_dump(include=quality),
    }
