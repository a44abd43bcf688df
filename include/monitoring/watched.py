"""What is watched: one line of figures per recording.

Frames of a recording are correlated, so the recording is the smallest unit that
any test here sees: its frames are reduced to medians, means and shares first.

| column | what | from |
|---|---|---|
| `brightness` | median grey level of the face crops, 0..255 | rows with a face |
| `sharpness` | median variance of the Laplacian of the crops | rows with a face |
| `face_side_px` | median shorter side of the face box, pixels | rows with a face |
| `head_turn_deg` | median absolute yaw, degrees | rows with a face |
| `face_coverage` | share of shown frames with a face, 0..1 | instants with a frame |
| `confidence` | mean calibrated probability of the top expression, 0..1 | judged faces |
| `abstention_share` | judged faces on which the model abstained, 0..1 | judged faces |
| `share_{expression}` | named faces that display the expression, 0..1, sum 1 | named faces |

A figure that a recording cannot give (no face: no brightness) is NaN, and that
recording is left out of the tests of that figure alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.statistics.arrays import FloatArray

SCALARS: tuple[str, ...] = (
    "brightness",
    "sharpness",
    "face_side_px",
    "head_turn_deg",
    "face_coverage",
    "confidence",
    "abstention_share",
)
SHARES: tuple[str, ...] = tuple(f"share_{label}" for label in EXPRESSIONS)
COLUMNS: tuple[str, ...] = SCALARS + SHARES

_NO_FRAME = (
    RowReason.GAP.value,
    RowReason.UNREADABLE_FRAME.value,
    RowReason.CLOCK_SEAM.value,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Recordings in columns, in any order.

    Attributes:
        values: Shape (n, len(COLUMNS)); NaN where a recording gives no figure.
        days: Shape (n,), proleptic ordinals of the days on which they were published.
        studies: Shape (n,), the study of each: recordings of a study share their stimulus
            and often their room, hence they are not independent of each other.
        embeddings: Shape (n, d), a mean embedding per recording; None where none was kept.
    """

    values: FloatArray
    days: npt.NDArray[np.int64]
    studies: npt.NDArray[np.int64]
    embeddings: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.days)

    def where(self, mask: npt.NDArray[np.bool_]) -> Sample:
        """The recordings that `mask`, shape (n,), names."""
        embeddings = None if self.embeddings is None else self.embeddings[mask]
        return Sample(self.values[mask], self.days[mask], self.studies[mask], embeddings)

    def between(self, first: int, last: int) -> Sample:
        """The recordings of the days `first`..`last` (ordinals, both included)."""
        return self.where((self.days >= first) & (self.days <= last))


@dataclass(frozen=True, slots=True)
class RecordingFigures:
    """The figures of one recording, in the order of `COLUMNS`."""

    recording: str
    study: str
    day: date
    values: tuple[float, ...]
    embedding: tuple[float, ...] | None = field(default=None)


def read_recording(table: pa.Table, *, recording: str, study: str, day: date) -> RecordingFigures:
    """Reduce one recording's rows to its figures.

    Args:
        table: Schema `PREDICTIONS`; or `MANIFEST`, for a recording that no model has seen:
            the figures of the model are then NaN.
        recording: Name of the recording.
        study: Name of its study.
        day: The day it was published, UTC.
    """
    rows = {name: _column(table, name) for name in ("brightness", "blur", "yaw_deg")}
    side = np.fmin(_column(table, "box_width_px"), _column(table, "box_height_px"))
    face = np.isfinite(side)
    scalars = [
        _median(rows["brightness"]),
        _median(rows["blur"]),
        _median(side),
        _median(np.abs(rows["yaw_deg"])),
        _face_coverage(table, face),
    ]
    predictions = (
        _prediction_figures(table)
        if "emotion" in table.column_names
        else [np.nan] * (2 + len(EXPRESSIONS))
    )
    return RecordingFigures(recording, study, day, tuple(scalars + predictions))


def as_sample(figures: Sequence[RecordingFigures]) -> Sample:
    """Put recordings into columns; embeddings only where every recording has one."""
    names = sorted({entry.study for entry in figures})
    number = {name: index for index, name in enumerate(names)}
    vectors = [entry.embedding for entry in figures]
    complete = bool(vectors) and all(vector is not None for vector in vectors)
    return Sample(
        values=np.array([e.values for e in figures], dtype=float).reshape(-1, len(COLUMNS)),
        days=np.array([entry.day.toordinal() for entry in figures], dtype=np.int64),
        studies=np.array([number[entry.study] for entry in figures], dtype=np.int64),
        embeddings=np.array(vectors, dtype=float) if complete else None,
    )


def _prediction_figures(table: pa.Table) -> list[float]:
    reasons = table["reason"].to_pylist()
    emotions = table["emotion"].to_pylist()
    named = np.array([emotion is not None for emotion in emotions], dtype=bool)
    abstained = np.array([reason == RowReason.LOW_CONFIDENCE.value for reason in reasons])
    judged = named | abstained.astype(bool)
    if not judged.any():
        return [np.nan] * (2 + len(EXPRESSIONS))
    confidence = _column(table, "confidence")[judged]
    counts = np.array([emotions.count(label) for label in EXPRESSIONS], dtype=float)
    shares = counts / counts.sum() if counts.sum() else np.full(len(EXPRESSIONS), np.nan)
    abstention = float(abstained.sum() / judged.sum())
    return [float(confidence.mean()), abstention, *shares.tolist()]


def _face_coverage(table: pa.Table, face: npt.NDArray[np.bool_]) -> float:
    """A row with a face counts as shown, whatever happened to its crop afterwards."""
    instants = table["instant"].to_numpy(zero_copy_only=False)
    shown = face | np.array([r not in _NO_FRAME for r in table["reason"].to_pylist()], dtype=bool)
    frames = np.unique(instants[shown]).size
    return float(np.unique(instants[face]).size / frames) if frames else np.nan


def _column(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=float)


def _median(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan
