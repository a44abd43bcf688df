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

TECHNICAL = (
    RowReason.GAP.value,
    RowReason.UNREADABLE_FRAME.value,
    RowReason.CLOCK_SEAM.value,
)
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
    """Return the respondent's face at each instant, or the row that says that there is none.

    Where it is not noted whose a row is (results of earlier versions, recordings without a
    face that could be followed), the largest face. Instants without a picture are left out:
    nobody was shown in them; so are recordings of several respondents, of whom a line of
    respondents.csv cannot say which is meant.

    Args:
        predictions: Columns of `PREDICTIONS`, faces of an instant from the largest down.
    """
    shown = predictions[~predictions["reason"].isin(TECHNICAL)]
    if "respondent" in shown and shown["respondent"].notna().any():
        if shown["respondent"].nunique() > 1:
            return shown.iloc[:0]
        # Of an instant without the respondent another's face says nothing: as without a face.
        others = shown["respondent"].isna() & shown["face_id"].notna()
        shown = shown.assign(
            reason=shown["reason"].mask(others, RowReason.NO_FACE.value),
            emotion=shown["emotion"].mask(others),
        ).sort_values(["instant", "respondent"], kind="stable", na_position="last")
    return shown.drop_duplicates("instant", keep="first")
