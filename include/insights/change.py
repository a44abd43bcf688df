"""What differs between two analyses of the same recording: another model, the same crops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.identity import stable_hash
from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.contracts.rows import UNKNOWN_FACE
from include.contracts.summary import FaceShown, RecordingSummary

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


@dataclass(frozen=True, slots=True)
class Analysed:
    """One published analysis of a recording: its table and what its `summary.json` says."""

    prefix: str
    table: pa.Table
    summary: RecordingSummary


@dataclass(frozen=True, slots=True)
class RecordingChange:
    """One respondent of a recording, before and after.

    Attributes:
        study: As people wrote it.
        recording: As people wrote it.
        respondent: Identity of the person seen; a recording of nobody known is its own person,
            and so is each of several respondents.
        label: Which of several respondents of the recording; None where it has one.
        before: Lake prefix of the old result.
        after: Lake prefix of the new one.
        models: Model versions, before and after.
        main_face: The respondent's face; None where no face could be followed.
        change: Of that face, one row per sampled instant.
        all_faces: Of every face.
        shares: Share of that face's readable time by expression, before and after.
        abstained: Share of the moments judged in which each abstained, likewise.
        confidence: Mean confidence, likewise.
        verdicts: Quality verdicts, likewise.
        in_front: Whether readers take the new result.
    """

    study: str
    recording: str
    respondent: str
    label: str | None
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


def recording_changes(
    before: Analysed, after: Analysed, *, respondent: str, in_front: bool
) -> list[RecordingChange]:
    """Compare two published analyses of one recording: one entry for each of its respondents.

    Whom it is about, the re-analysis says: both read the same faces, and an older version may
    have reported another of them.

    Args:
        before: What readers took.
        after: The re-analysis.
        respondent: Who is seen.
        in_front: Whether readers take the re-analysis now.

    Raises:
        ValueError: The two are not of the same rows.
    """
    old, new = before.summary, after.summary
    several = len(new.respondents) > 1
    faces: list[tuple[str | None, str | None]] = [
        (item.respondent, item.face_id) for item in new.respondents
    ]
    return [
        RecordingChange(
            study=new.study,
            recording=new.recording,
            respondent=stable_hash({"respondent": respondent, "label": label})
            if several
            else respondent,
            label=label if several else None,
            before=before.prefix,
            after=after.prefix,
            models=(old.model.version, new.model.version),
            main_face=face_id,
            change=change_between(_of_face(before.table, face_id), _of_face(after.table, face_id)),
            all_faces=change_between(before.table, after.table),
            shares=_shares(old, new, face_id),
            abstained=_figure(lambda face: face.abstention_share, old, new, face_id),
            confidence=_figure(lambda face: face.mean_confidence, old, new, face_id),
            verdicts=(old.quality.verdict, new.quality.verdict),
            in_front=in_front,
        )
        for label, face_id in faces or [(None, None)]
    ]


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


def _face(summary: RecordingSummary, face_id: str | None) -> FaceShown | None:
    # Of faces, not of respondents: summaries of earlier versions have no respondents.
    return next((face for face in summary.faces if face.face_id == face_id), None)


def _figure(
    of: Callable[[FaceShown], float | None],
    old: RecordingSummary,
    new: RecordingSummary,
    face_id: str | None,
) -> Pair:
    faces = [_face(summary, face_id) for summary in (old, new)]
    before, after = (None if face is None else of(face) for face in faces)
    return before, after


def _shares(old: RecordingSummary, new: RecordingSummary, face_id: str | None) -> dict[str, Pair]:
    before, after = (
        {entry.expression: entry.share for entry in face.expressions} if face else {}
        for face in (_face(summary, face_id) for summary in (old, new))
    )
    return {label: (before.get(label), after.get(label)) for label in EXPRESSIONS}


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
