"""What became of a face, in the words of the audit, from a table of predictions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from include.contracts.reasons import RowReason
from include.governance.bias.rows import (
    ABSTAINED,
    ANSWER,
    CONFIDENCE,
    FACE_FOUND,
    PERSON,
    QUALITY_OK,
    TRUTH,
)

OUTCOMES_VERSION = 1
"""Raised when the same predictions would be judged otherwise."""

TECHNICAL = (RowReason.GAP.value, RowReason.UNREADABLE_FRAME.value)
"""Reasons that say nothing of the face: there was no picture."""


def outcome(
    person_id: str, reason: str | None, answer: str | None, confidence: float | None
) -> dict[str, Any]:
    """Return one row of an audit without its groups and its true label.

    Args:
        person_id: Who was shown.
        reason: A `RowReason` value, None for a face with an expression.
        answer: The displayed expression that was published.
        confidence: Calibrated probability of the top expression, 0..1.
    """
    abstained = reason == RowReason.LOW_CONFIDENCE
    readable = reason is None or abstained
    return {
        PERSON: person_id,
        FACE_FOUND: reason != RowReason.NO_FACE,
        QUALITY_OK: readable,
        ABSTAINED: abstained,
        ANSWER: answer,
        TRUTH: None,
        CONFIDENCE: confidence if readable else None,
    }


def main_faces(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the largest face of each instant, or the row that says that there is none.

    Instants without a picture are left out: nobody was shown in them.

    Args:
        predictions: Columns of `PREDICTIONS`, faces of an instant from the largest down.
    """
    shown = predictions[~predictions["reason"].isin(TECHNICAL)]
    return shown.drop_duplicates("instant", keep="first")
