"""Join the answers of the inference job back to the manifest, and reconcile them.

Every row of the manifest comes out exactly once. A crop without an answer, an
answer without a crop and an answer given twice are errors, never silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from include.contracts.answers import Answer
from include.contracts.errors import TransientError
from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.contracts.rows import MANIFEST, PREDICTIONS, with_later_columns

COLLECT_VERSION = 2
"""Raised when the same answers would be turned into other predictions."""
COLLECT_GOLDEN = "48964f3877618b0683418d0ffc287928"
"""What this version makes of a fixed input, hashed (`tests/unit/test_stage_versions.py`)."""

SUM_TOLERANCE = 1e-3
"""Probabilities travel as rounded decimals: seven of them sum to 1 only about."""

_EXAMPLES = 3


class ReconciliationError(TransientError):
    """Answers and manifest do not match: the answers have to be asked for again."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One judged answer: probabilities in the order of `EXPRESSIONS`, or None when unreadable."""

    probabilities: tuple[float, ...] | None


def collect(manifest: pa.Table, answers: Iterable[Answer], *, abstain_threshold: float) -> pa.Table:
    """Return the predictions of one recording.

    Args:
        manifest: Schema `MANIFEST`, n rows.
        answers: One per crop, in any order.
        abstain_threshold: Under this calibrated probability (0..1) of the top
            expression the row gets the reason `low_confidence` and no expression;
            its probabilities are kept.

    Returns:
        Schema `PREDICTIONS`, the same n rows in the same order.

    Raises:
        ReconciliationError: Crops without an answer, answers that are unknown,
            repeated or malformed. The message counts them.
    """
    row_ids: list[str] = manifest["row_id"].to_pylist()
    shards = manifest["shard"].to_pylist()
    reasons = manifest["reason"].to_pylist()
    asked = {name for name, shard in zip(row_ids, shards, strict=True) if shard is not None}
    readings = _read_answers(answers, asked)
    if missing := sorted(asked - readings.keys()):
        raise ReconciliationError(
            f"{len(missing)} of {len(asked)} face crops have no answer: {_some(missing)}"
        )
    emotions: list[str | None] = []
    confidences: list[float | None] = []
    probabilities: list[tuple[float | None, ...]] = []
    for index, name in enumerate(row_ids):
        reading = readings.get(name)
        p = reading.probabilities if reading else None
        if reading and p is None and reasons[index] is None:
            reasons[index] = RowReason.UNREADABLE_FRAME.value
        top = max(range(len(EXPRESSIONS)), key=p.__getitem__) if p else None
        confidence = p[top] if p and top is not None else None
        if confidence is not None and confidence < abstain_threshold and reasons[index] is None:
            reasons[index] = RowReason.LOW_CONFIDENCE.value
        named = top is not None and reasons[index] is None
        emotions.append(EXPRESSIONS[top] if named and top is not None else None)
        confidences.append(confidence)
        probabilities.append(p or (None,) * len(EXPRESSIONS))
    joined: dict[str, Any] = {"emotion": emotions, "confidence": confidences, "reason": reasons}
    for position, label in enumerate(EXPRESSIONS):
        joined[f"p_{label}"] = [values[position] for values in probabilities]
    # Whose row it is, publishing says: it takes the whole recording and what its study declares.
    joined["respondent"] = [None] * len(row_ids)
    manifest = with_later_columns(manifest, MANIFEST)
    columns = [
        pa.array(joined[field.name], field.type) if field.name in joined else manifest[field.name]
        for field in PREDICTIONS
    ]
    return pa.Table.from_arrays(columns, schema=PREDICTIONS)


def _read_answers(answers: Iterable[Answer], asked: set[str]) -> dict[str, _Reading]:
    readings: dict[str, _Reading] = {}
    unknown: list[str] = []
    repeated: list[str] = []
    malformed: list[str] = []
    for answer in answers:
        name = answer.row_id
        if name not in asked:
            unknown.append(name)
        elif name in readings:
            repeated.append(name)
        elif answer.error is not None:
            readings[name] = _Reading(None)
        elif (probabilities := _probabilities(answer)) is None:
            malformed.append(name)
        else:
            readings[name] = _Reading(probabilities)
    for names, sentence in (
        (unknown, "answers name rows that have no crop"),
        (repeated, "answers repeat a row"),
        (malformed, "answers do not hold one probability per expression that sum to 1"),
    ):
        if names:
            raise ReconciliationError(f"{len(names)} {sentence}: {_some(names)}")
    return readings


def _probabilities(answer: Answer) -> tuple[float, ...] | None:
    """The seven probabilities by name, or None when the answer contradicts itself."""
    given = answer.probabilities
    if given is None or set(given) != set(EXPRESSIONS):
        return None
    values = tuple(given[label] for label in EXPRESSIONS)
    in_range = all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in values)
    if not in_range or abs(sum(values) - 1.0) > SUM_TOLERANCE:
        return None
    if answer.emotion is not None and (
        answer.emotion not in given or given[answer.emotion] < max(values) - SUM_TOLERANCE
    ):
        # A name that is not the most probable one means that labels were mixed up on the way.
        return None
    return values


def _some(names: list[str]) -> str:
    more = ", ..." if len(names) > _EXAMPLES else ""
    return ", ".join(repr(name[:40]) for name in names[:_EXAMPLES]) + more
