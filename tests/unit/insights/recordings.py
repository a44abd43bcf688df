"""Manifests and answers with the numbers that real recordings have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from include.contracts.answers import ANSWER
from include.contracts.columns import LANDMARKS
from include.contracts.labels import EXPRESSIONS
from include.contracts.rows import MANIFEST, row_id
from include.contracts.validation import ValidationResult
from include.insights.collect import collect
from include.insights.publish import ReportContext
from tests.fakes.manifests import extraction

THRESHOLD = 0.4
TICK_S = 1 / 600  # time base of a QuickTime file


FIGURES = {
    name: {"value": value, "low": value - 0.02, "high": value + 0.02, "n": n}
    for name, value, n in [
        ("accuracy", 0.812, 2886),
        ("balanced_accuracy", 0.701, 2886),
        ("macro_f1", 0.712, 2886),
        ("ece", 0.026, 2886),
        ("recall_anger", 0.77, 252),
        ("recall_disgust", 0.33, 18),
        ("recall_fear", 0.42, 69),
        ("recall_happiness", 0.93, 812),
        ("recall_neutral", 0.85, 1049),
        ("recall_sadness", 0.69, 355),
        ("recall_surprise", 0.88, 331),
    ]
}
"""Figures in the form in which a model package holds them."""


def face_row(
    instant: int, face: int, *, rate_hz: float, rng: np.random.Generator, reason: str | None = None
) -> dict[str, Any]:
    """One face as extraction writes it: a 640 x 360 recording of a seated person."""
    target_s = instant / rate_hz
    width = float(rng.normal(112, 6))
    left, top = float(90 + 260 * face + rng.normal(0, 8)), float(70 + rng.normal(0, 6))
    row: dict[str, Any] = {
        "row_id": row_id(instant, face),
        "instant": instant,
        "target_s": target_s,
        "pts_s": np.ceil(target_s / TICK_S - 1e-9) * TICK_S + 0.012,
        "scene": 0,
        "face_id": f"f{face + 1}",
        "box_x_px": left,
        "box_y_px": top,
        "box_width_px": width,
        "box_height_px": width * 1.3,
        "detector_score": float(np.clip(rng.normal(0.88, 0.05), 0.5, 1)),
        "blur": float(rng.gamma(4, 40)),
        "brightness": float(np.clip(rng.normal(118, 9), 30, 230)),
        "yaw_deg": float(rng.normal(0, 7)),
        "roll_deg": float(rng.normal(0, 4)),
        "shard": None if reason else "0123-00000.tar",
        "reason": reason,
    }
    offsets = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    for name, (x, y) in zip(LANDMARKS, offsets, strict=True):
        row[f"{name}_x_px"] = left + x * width
        row[f"{name}_y_px"] = top + y * width * 1.3
    return row


def empty_row(instant: int, reason: str, *, rate_hz: float) -> dict[str, Any]:
    """An instant without a face, or without a frame."""
    target_s = instant / rate_hz
    return {
        "row_id": row_id(instant, 0),
        "instant": instant,
        "target_s": target_s,
        "pts_s": None if reason == "gap" else target_s + 0.012,
        "scene": 0,
        "reason": reason,
    }


def manifest(
    instants: int,
    *,
    rate_hz: float = 1.0,
    faces: int | Callable[[int], int] = 1,
    reasons: dict[int, str] | None = None,
    seed: int = 7,
) -> pa.Table:
    """A manifest of `instants` sampled instants.

    Args:
        instants: Sampling targets.
        rate_hz: Targets per second.
        faces: Faces per instant; 0 gives a no-face row.
        reasons: Reason by instant; a face reason applies to the first face.
        seed: Of the measurements.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for instant in range(instants):
        reason = (reasons or {}).get(instant)
        count = faces(instant) if callable(faces) else faces
        if reason in ("gap", "no_face", "unreadable_frame") or not count:
            rows.append(empty_row(instant, reason or "no_face", rate_hz=rate_hz))
            continue
        for face in range(count):
            rows.append(
                face_row(
                    instant, face, rate_hz=rate_hz, rng=rng, reason=reason if face == 0 else None
                )
            )
    return pa.Table.from_pylist(rows, schema=MANIFEST)


def answers(
    table: pa.Table,
    *,
    top: Callable[[int, int], tuple[str, float]] | None = None,
    seed: int = 3,
) -> Iterable[dict[str, Any]]:
    """What the model package answers for every crop of a manifest.

    Args:
        table: The manifest.
        top: Expression and probability by instant and face number.
        seed: Of the remaining six probabilities.
    """
    rng = np.random.default_rng(seed)
    for name, shard in zip(table["row_id"].to_pylist(), table["shard"].to_pylist(), strict=True):
        if shard is None:
            continue
        instant, face = (int(part) for part in name.split("-"))
        label, p = top(instant, face) if top else story(instant, face)
        rest = rng.dirichlet(np.full(len(EXPRESSIONS) - 1, 8.0)) * (1 - p)
        others = iter(rest.tolist())
        probabilities = {
            name: round(p if name == label else next(others), 6) for name in EXPRESSIONS
        }
        yield {
            "row_id": name,
            "emotion": label,
            "confidence": probabilities[label],
            "probabilities": probabilities,
            "logits": [float(np.log(max(value, 1e-6))) for value in probabilities.values()],
        }


def story(instant: int, face: int) -> tuple[str, float]:
    """A plausible recording: sadness, then neutral, surprise, and happiness to the end."""
    cycle = (instant + 5 * face) % 40
    if cycle < 8:
        return "sadness", 0.72
    if cycle < 14:
        return "neutral", 0.81
    if cycle < 16:
        return "surprise", 0.66
    return "happiness", 0.9 - 0.1 * ((cycle * 7) % 3)


def predictions(table: pa.Table, **kwargs: Any) -> pa.Table:
    """Predictions of a manifest, through the real join."""
    given = (ANSWER.read(json.dumps(answer), "answer") for answer in answers(table, **kwargs))
    return collect(table, given, abstain_threshold=THRESHOLD)


def context(duration_s: float, **changes: Any) -> ReportContext:
    """The context of a report as the pipeline builds it."""
    values: dict[str, Any] = {
        "recording": "respondent-07 (spring campaign).mp4",
        "study": "spring-2026",
        "video_id": "9f" * 32,
        "analysis_id": "4b7d" * 8,
        "extraction": extraction(duration_s),
        "validation": ValidationResult("0" * 32, "ok", usable_share=1.0),
        "model": {
            "name": "expression-mobilenetv2",
            "version": "3",
            "sha256": "c1" * 32,
            "temperature": 1.31,
            "abstain_threshold": THRESHOLD,
            "metrics": {"validation": {"n": 2886, "figures": FIGURES, "confusion": []}},
        },
        "code_versions": {"collect": "1", "extract": "1", "publish": "1"},
        "provenance": {"Batch": "b-000017", "Settings": "5f2c"},
    }
    return ReportContext(**{**values, **changes})
