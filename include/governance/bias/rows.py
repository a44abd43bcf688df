"""What an audit reads: one row per face shown to the system, with the person's groups.

Groups are what a respondent declared or what people annotated in a fixed audit
set. They are never inferred from a face: the input says where they come from,
and anything else is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS

PERSON = "person_id"
FACE_FOUND = "face_found"
QUALITY_OK = "quality_ok"
ABSTAINED = "abstained"
ANSWER = "answer"
TRUTH = "truth"
CONFIDENCE = "confidence"
WEIGHT = "weight"

OUTCOMES = (FACE_FOUND, QUALITY_OK, ABSTAINED, ANSWER, TRUTH, CONFIDENCE)
_FLAGS = (FACE_FOUND, QUALITY_OK, ABSTAINED)


class Source(StrEnum):
    """Where the groups come from."""

    DECLARED = "declared"
    """Respondents said so themselves."""
    ANNOTATED = "annotated"
    """People annotated a fixed audit set; a perception, not a declaration."""


@dataclass(frozen=True, slots=True)
class AuditRows:
    """Validated input of an audit.

    Attributes:
        frame: One row per face shown: `person_id`, the attributes (categorical text),
            `face_found`, `quality_ok`, `abstained` (bool), `answer` and `truth` (an
            expression or null), `confidence` (0..1 or NaN), `weight` (above 0). Sorted, so
            that the same rows in another order are the same audit.
        attributes: Names of the group columns.
        source: Where the groups come from.
    """

    frame: pd.DataFrame
    attributes: tuple[str, ...]
    source: Source

    @property
    def sha256(self) -> str:
        """Hash of the people, their groups and true labels: of the audit set, not of answers."""
        columns = [PERSON, *self.attributes, TRUTH]
        text = self.frame[columns].to_csv(index=False, lineterminator="\n")
        return hashlib.sha256(f"{self.source}\n{text}".encode()).hexdigest()


def audit_rows(frame: pd.DataFrame, *, attributes: Sequence[str], source: str) -> AuditRows:
    """Validate a table of outcomes.

    Args:
        frame: At least `person_id`, the attributes and the columns of `OUTCOMES`;
            `answer` is null where the system gave none, `truth` where nobody labelled.
            `weight`, where there is one, says how many rows each stands for: the inverse of
            its chance to be labelled.
        attributes: Group columns, declared by respondents or annotated by people.
        source: A `Source` value.

    Raises:
        ConfigurationError: A column is missing or a row contradicts itself; names the
            first row (1-based, header not counted) and what to do.
    """
    if source not in set(Source):
        raise ConfigurationError(
            "source", f"groups come from {', '.join(Source)}, not from {source!r}; never infer them"
        )
    missing = [name for name in (PERSON, *attributes, *OUTCOMES) if name not in frame]
    if missing or not attributes:
        raise ConfigurationError("audit rows", f"columns missing: {missing or 'attributes'}")
    if reserved := set(attributes) & {PERSON, WEIGHT, *OUTCOMES}:
        raise ConfigurationError("attributes", f"{sorted(reserved)} are outcomes, not groups")
    if frame.empty:
        raise ConfigurationError("audit rows", "the table is empty; give at least one row")
    table = frame[[PERSON, *attributes, *OUTCOMES]].reset_index(drop=True)
    table[WEIGHT] = _weights(frame)
    _refuse(table[PERSON].isna(), PERSON, "has no person; intervals are clustered by person")
    for name in _FLAGS:
        _refuse(~table[name].isin([True, False]), name, "is neither true nor false")
        table[name] = table[name].astype(bool)
    _check_labels(table)
    _check_outcomes(table)
    for name in attributes:
        _refuse(table[name].isna(), name, "has no group; write 'not declared' where nobody said")
        table[name] = table[name].astype(str)
        changing = table.groupby(PERSON)[name].transform("nunique") > 1
        _refuse(changing, name, "belongs to a person with two groups; give one group per person")
    table[PERSON] = table[PERSON].astype(str)
    ordered = table.sort_values([PERSON, TRUTH, ANSWER, CONFIDENCE, WEIGHT], kind="stable")
    return AuditRows(ordered.reset_index(drop=True), tuple(attributes), Source(source))


def _weights(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    if WEIGHT not in frame:
        return np.ones(len(frame))
    weights = pd.to_numeric(frame[WEIGHT], errors="coerce").to_numpy(np.float64)
    _refuse(pd.Series(~(np.isfinite(weights) & (weights > 0))), WEIGHT, "is not above 0")
    return weights


def _check_labels(table: pd.DataFrame) -> None:
    for name in (ANSWER, TRUTH):
        table[name] = table[name].astype(object).where(table[name].notna(), None)
        unknown = table[name].notna() & ~table[name].isin(EXPRESSIONS)
        _refuse(unknown, name, f"is none of {', '.join(EXPRESSIONS)}")


def _check_outcomes(table: pd.DataFrame) -> None:
    confidence = pd.to_numeric(table[CONFIDENCE], errors="coerce").astype(np.float64)
    _refuse(table[CONFIDENCE].notna() & ~confidence.between(0, 1), CONFIDENCE, "is not in 0..1")
    table[CONFIDENCE] = confidence
    answered = table[ANSWER].notna()
    _refuse(answered & ~table[FACE_FOUND], ANSWER, "is given although no face was found")
    _refuse(answered & table[ABSTAINED], ANSWER, "is given although the model abstained")
    _refuse(answered & confidence.isna(), CONFIDENCE, "is missing although there is an answer")
    _refuse(table[QUALITY_OK] & ~table[FACE_FOUND], QUALITY_OK, "is true without a face")
    _refuse(table[ABSTAINED] & ~table[QUALITY_OK], ABSTAINED, "is true of a face not readable")
    silent = table[QUALITY_OK] & ~table[ABSTAINED] & ~answered
    _refuse(silent, ANSWER, "is missing although the face was readable and nobody abstained")
    _refuse(answered & ~table[QUALITY_OK], ANSWER, "is given although the face was not readable")


def _refuse(wrong: pd.Series, column: str, problem: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong.to_numpy())[0]) + 1
        raise ConfigurationError(f"audit rows, row {row}, {column}", problem)
