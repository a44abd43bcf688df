"""What differs between two analyses of the same recording: another model, the same crops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.insights.moments import UNKNOWN_FACE

NOTHING = "none"
"""The dominant expression where no instant shows one."""

Pair = tuple[float | None, float | None]
"""A figure before and after; None where nothing can be said."""


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two analyses of the same crops.

    Attributes:
        faces: Rows with probabilities in both: usable faces.
        changed: Share of those whose displayed expression differs; setting an answer aside
            counts as one of its own.
        distance: Mean total variation distance of the probabilities, 0 to 1.
        dominant: The most frequent displayed expression, before and after.
        shares: Share of the faces with an answer that show each expression, before and after.
        abstained: Share of the faces whose answer is set aside, before and after.
        confidence: Mean confidence, before and after.
    """

    faces: int
    changed: float
    distance: float
    dominant: tuple[str, str]
    shares: Mapping[str, tuple[float, float]]
    abstained: tuple[float, float]
    confidence: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Analysed:
    """One published analysis of a recording: its table and its `summary.json`."""

    prefix: str
    table: pa.Table
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordingChange:
    """One recording, before and after.

    Attributes:
        study: As people wrote it.
        recording: As people wrote it.
        respondent: Identity of the person seen; a recording of nobody known is its own person.
        before: Lake prefix of the old result.
        after: Lake prefix of the new one.
        models: Model versions, before and after.
        main_face: The face that reports speak of; None where no face was found.
        change: Of the main face, one row per sampled instant.
        all_faces: Of every face.
        shares: Share of the readable time of the main face by expression, before and after:
            the figures of the two reports.
        abstained: Share of the judged faces on which each abstained, likewise.
        confidence: Mean confidence, likewise.
        verdicts: Quality verdicts, likewise.
        in_front: Whether readers take the new result.
    """

    study: str
    recording: str
    respondent: str
    before: str
    after: str
    models: tuple[str, str]
    main_face: str | None
    change: Change
    all_faces: Change
    shares: Mapping[str, Pair]
    abstained: Pair
    confidence: Pair
    verdicts: tuple[str, str]
    in_front: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def recording_change(
    before: Analysed, after: Analysed, *, respondent: str, in_front: bool
) -> RecordingChange:
    """Compare two published analyses of one recording.

    Args:
        before: What readers took.
        after: The re-analysis.
        respondent: Who is seen.
        in_front: Whether readers take the re-analysis now.

    Raises:
        ValueError: The two are not of the same rows.
    """
    old, new = before.summary, after.summary
    main = new["main_face"]
    shares = [_shares(summary, main) for summary in (old, new)]
    return RecordingChange(
        study=new["study"],
        recording=new["recording"],
        respondent=respondent,
        before=before.prefix,
        after=after.prefix,
        models=(str(old["model"]["version"]), str(new["model"]["version"])),
        main_face=main,
        change=change_between(_of_face(before.table, main), _of_face(after.table, main)),
        all_faces=change_between(before.table, after.table),
        shares={label: (shares[0][label], shares[1][label]) for label in EXPRESSIONS},
        abstained=(old["abstention_share"], new["abstention_share"]),
        confidence=(old["mean_confidence"], new["mean_confidence"]),
        verdicts=(old["quality"]["verdict"], new["quality"]["verdict"]),
        in_front=in_front,
    )


def change_between(before: pa.Table, after: pa.Table) -> Change:
    """Compare two tables of predictions over the same rows (schema `PREDICTIONS`).

    Raises:
        ValueError: They are not of the same rows.
    """
    if before["row_id"] != after["row_id"]:
        raise ValueError("the two analyses are not of the same rows")
    probabilities = [_probabilities(table) for table in (before, after)]
    judged = np.isfinite(probabilities[0]).all(axis=1) & np.isfinite(probabilities[1]).all(axis=1)
    # A face that was set aside for its quality is set aside by any model.
    judged &= _usable(before) & _usable(after)
    shown = [_shown(table)[judged] for table in (before, after)]
    rows = [values[judged] for values in probabilities]
    n = int(judged.sum())
    return Change(
        faces=n,
        changed=float((shown[0] != shown[1]).mean()) if n else 0.0,
        distance=float(np.abs(rows[0] - rows[1]).sum(axis=1).mean() / 2) if n else 0.0,
        dominant=(_dominant(shown[0]), _dominant(shown[1])),
        shares={label: (_share(shown[0], label), _share(shown[1], label)) for label in EXPRESSIONS},
        abstained=(_abstained(shown[0]), _abstained(shown[1])),
        confidence=(_confidence(rows[0]), _confidence(rows[1])),
    )


def _of_face(table: pa.Table, face_id: str | None) -> pa.Table:
    # Without a known face, "unknown" ones are all there may be.
    return table.filter(pc.equal(table["face_id"], face_id or UNKNOWN_FACE))


def _shares(summary: Mapping[str, Any], face_id: str | None) -> dict[str, float | None]:
    face = next((face for face in summary["faces"] if face["face_id"] == face_id), None)
    if face is None:
        return dict.fromkeys(EXPRESSIONS)
    return {entry["expression"]: entry["share"] for entry in face["expressions"]}


def _probabilities(table: pa.Table) -> npt.NDArray[np.float64]:
    columns = [table[f"p_{label}"].to_numpy(zero_copy_only=False) for label in EXPRESSIONS]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _usable(table: pa.Table) -> npt.NDArray[np.bool_]:
    reasons = table["reason"].to_pylist()
    return np.array([reason in (None, RowReason.LOW_CONFIDENCE) for reason in reasons], np.bool_)


def _shown(table: pa.Table) -> npt.NDArray[np.str_]:
    return np.array([emotion or "" for emotion in table["emotion"].to_pylist()], np.str_)


def _dominant(shown: npt.NDArray[np.str_]) -> str:
    counts = [int((shown == label).sum()) for label in EXPRESSIONS]
    return EXPRESSIONS[int(np.argmax(counts))] if any(counts) else NOTHING


def _share(shown: npt.NDArray[np.str_], label: str) -> float:
    answered = int((shown != "").sum())
    return float((shown == label).sum() / answered) if answered else 0.0


def _abstained(shown: npt.NDArray[np.str_]) -> float:
    return float((shown == "").mean()) if len(shown) else 0.0


def _confidence(rows: npt.NDArray[np.float64]) -> float:
    return float(rows.max(axis=1).mean()) if len(rows) else 0.0
