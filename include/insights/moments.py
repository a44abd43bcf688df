"""A recording's predictions as arrays over its sampled instants, one track per face.

Everything people read (summary, charts) is computed from this one reading of
the table, so that counts and pictures cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.contracts.rows import PREDICTIONS, UNKNOWN_FACE, with_later_columns

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BOX = ("x", "y", "width", "height")
NONE = -1
"""Index used where there is no expression."""


class State(IntEnum):
    """What is known about a face at an instant; the order is the order of preference."""

    READABLE = 0
    ABSTAINED = 1
    """The model's confidence is under the threshold."""
    EXCLUDED = 2
    """A face is there, but too small, blurred, dark, bright or turned."""
    NO_FACE = 3
    NO_FRAME = 4
    """A gap, a frame that cannot be decoded, or a seam of the clock."""


_STATE_OF_REASON = {
    RowReason.LOW_CONFIDENCE.value: State.ABSTAINED,
    RowReason.NO_FACE.value: State.NO_FACE,
    RowReason.GAP.value: State.NO_FRAME,
    RowReason.UNREADABLE_FRAME.value: State.NO_FRAME,
    RowReason.CLOCK_SEAM.value: State.NO_FRAME,
}


@dataclass(frozen=True, slots=True)
class Track:
    """One face over the n instants of a recording.

    Attributes:
        face_id: "f1", ... or "unknown".
        present: (n,) whether the face has a row.
        state: (n,) `State`; where the face has no row: `NO_FACE` or `NO_FRAME`.
        emotion: (n,) index into `EXPRESSIONS`, `NONE` where there is none.
        confidence: (n,) 0..1, NaN where the model gave no answer.
        probabilities: (n, 7) 0..1, NaN where the model gave no answer.
        box_px: (n, 4) left, top, width and height in the upright picture, NaN without a row.
        change: (n,) how far the face changed within about a second, grey levels, NaN where
            that was not measured.
        scene_change: (n,) likewise of its surroundings.
    """

    face_id: str
    present: npt.NDArray[np.bool_]
    state: IntArray
    emotion: IntArray
    confidence: FloatArray
    probabilities: FloatArray
    box_px: FloatArray
    change: FloatArray
    scene_change: FloatArray


@dataclass(frozen=True, slots=True)
class Moments:
    """The n sampled instants of a recording.

    Attributes:
        instant: (n,) index of the sampling target.
        start_s: (n,) target time, counted from the first target.
        seconds: (n,) time that an instant stands for: until the next target,
            never longer than a sampling period, never past the recording's end.
        pts_s: (n,) presentation time of the frame shown, on the file's own clock, NaN in a gap.
        state: (n,) best `State` of any face.
        origin_s: The file's clock at the first target; often not 0.
        end_s: End of the recording, counted from the first target.
        tracks: One per known face, in the order of their ids, then "unknown".
        reasons: Rows by reason code.
        rows: Rows of the table.
    """

    instant: IntArray
    start_s: FloatArray
    seconds: FloatArray
    pts_s: FloatArray
    state: IntArray
    origin_s: float
    end_s: float
    tracks: tuple[Track, ...]
    reasons: dict[str, int]
    rows: int

    @property
    def known(self) -> tuple[Track, ...]:
        """The faces that could be followed."""
        return tuple(track for track in self.tracks if track.face_id != UNKNOWN_FACE)

    @property
    def unknown(self) -> Track | None:
        """The faces of which it could not be told whose they are."""
        return next((track for track in self.tracks if track.face_id == UNKNOWN_FACE), None)


def read_moments(table: pa.Table, *, sample_rate_hz: float, duration_s: float) -> Moments:
    """Read predictions (schema `PREDICTIONS`).

    Args:
        table: Any number of rows, ordered by instant; columns that an earlier version did not
            know may be missing.
        sample_rate_hz: Targets per second.
        duration_s: Length of the recording; 0 when it is unknown.
    """
    table = with_later_columns(table, PREDICTIONS)
    period_s = 1.0 / sample_rate_hz
    instants = np.asarray(table["instant"].to_numpy(), dtype=np.int64)
    unique, first, position = np.unique(instants, return_index=True, return_inverse=True)
    target_s = _floats(table, "target_s")[first]
    origin_s = float(target_s[0]) if len(target_s) else 0.0
    start_s = target_s - origin_s
    pts_s = _floats(table, "pts_s")[first]
    last_s = float(start_s[-1]) + period_s if len(start_s) else 0.0
    end_s = duration_s if duration_s > 0 else last_s
    end_s = max(end_s, float(start_s[-1]) if len(start_s) else 0.0)
    following = np.append(start_s[1:], end_s)
    seconds = np.clip(following - start_s, 0.0, period_s)
    reasons: list[str | None] = table["reason"].to_pylist()
    row_state = np.array([_state(reason) for reason in reasons], dtype=np.int64)
    state = np.full(len(unique), int(State.NO_FRAME), dtype=np.int64)
    np.minimum.at(state, position, row_state)
    counts: dict[str, int] = {}
    for reason in reasons:
        if reason is not None:
            counts[reason] = counts.get(reason, 0) + 1
    return Moments(
        instant=unique,
        start_s=start_s,
        seconds=seconds,
        pts_s=pts_s,
        state=state,
        origin_s=origin_s,
        end_s=max(end_s, period_s * 1e-3),
        tracks=_tracks(table, position, state, row_state),
        reasons=counts,
        rows=table.num_rows,
    )


def _tracks(
    table: pa.Table, position: IntArray, state: IntArray, row_state: IntArray
) -> tuple[Track, ...]:
    face_ids: list[str | None] = table["face_id"].to_pylist()
    rows_of: dict[str, list[int]] = {}
    for row, face_id in enumerate(face_ids):
        if face_id is not None:
            rows_of.setdefault(face_id, []).append(row)
    index_of = {label: index for index, label in enumerate(EXPRESSIONS)}
    emotion = np.array(
        [index_of.get(name, NONE) if name else NONE for name in table["emotion"].to_pylist()],
        dtype=np.int64,
    )
    confidence = _floats(table, "confidence")
    probabilities = np.column_stack([_floats(table, f"p_{label}") for label in EXPRESSIONS])
    box_px = np.column_stack([_floats(table, f"box_{name}_px") for name in _BOX])
    change, scene_change = _floats(table, "change"), _floats(table, "scene_change")
    # Where a face has no row: no frame at all, or simply not in the picture.
    absent = np.where(state == State.NO_FRAME, int(State.NO_FRAME), int(State.NO_FACE))
    tracks = []
    for face_id in sorted(rows_of, key=_face_order):
        rows = np.array(rows_of[face_id], dtype=np.int64)
        at = position[rows]
        track = Track(
            face_id=face_id,
            present=np.zeros(len(state), dtype=np.bool_),
            state=absent.copy(),
            emotion=np.full(len(state), NONE, dtype=np.int64),
            confidence=np.full(len(state), np.nan),
            probabilities=np.full((len(state), len(EXPRESSIONS)), np.nan),
            box_px=np.full((len(state), len(_BOX)), np.nan),
            change=np.full(len(state), np.nan),
            scene_change=np.full(len(state), np.nan),
        )
        track.present[at] = True
        track.state[at] = row_state[rows]
        track.emotion[at] = emotion[rows]
        track.confidence[at] = confidence[rows]
        track.probabilities[at] = probabilities[rows]
        track.box_px[at] = box_px[rows]
        track.change[at] = change[rows]
        track.scene_change[at] = scene_change[rows]
        tracks.append(track)
    return tuple(tracks)


def _state(reason: str | None) -> int:
    if reason is None:
        return int(State.READABLE)
    return int(_STATE_OF_REASON.get(reason, State.EXCLUDED))


def _face_order(face_id: str) -> tuple[bool, int, str]:
    number = re.fullmatch(r"\D*(\d{1,9})", face_id)
    return (face_id == UNKNOWN_FACE, int(number.group(1)) if number else 0, face_id)


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive instants in which a face shows the same.

    Attributes:
        first: Index of the first instant of the run.
        last: Index of the last.
        start_s: Target time of the first instant, counted from the first target.
        end_s: End of the time that the last instant stands for, likewise.
        state: `State` of all of them.
        emotion: Index into `EXPRESSIONS`, or `NONE`.
    """

    first: int
    last: int
    start_s: float
    end_s: float
    state: int
    emotion: int


def runs(
    start_s: FloatArray, end_s: FloatArray, state: Sequence[int], emotion: Sequence[int]
) -> list[Run]:
    """Merge neighbours of equal state and expression; all arguments have length n."""
    merged: list[Run] = []
    opened = 0
    for index in range(len(state)):
        following = index + 1
        if following < len(state) and (state[following], emotion[following]) == (
            state[index],
            emotion[index],
        ):
            continue
        merged.append(
            Run(
                first=opened,
                last=index,
                start_s=float(start_s[opened]),
                end_s=float(end_s[index]),
                state=int(state[index]),
                emotion=int(emotion[index]),
            )
        )
        opened = following
    return merged
