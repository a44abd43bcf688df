"""What can be said of every face of a recording before one of them is the respondent.

A person who is asked whom a recording is about looks at who is there all the time, who is
near, who sits in the middle, and takes nobody for a respondent who hangs on the wall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from include.contracts.seating import SEAT_AT, Seat
from include.insights.moments import NONE, FloatArray, Moments, State, Track

MOVED_LEVELS, MOVED_TIMES = 1.2, 2.5
"""A face moved where it changed by this many grey levels beyond this many times its scene."""
STILL_SHARE = 0.5
"""A face that moved in less than this share of its comparisons is a still picture."""
COMPARED_MIN = 3
"""With fewer comparisons nothing is said of movement."""

AWAY_WIDTH = 0.35
"""This far from its place, in widths of the picture, a face counts for a factor e less."""

_MIRROR_LIKENESS = 0.8
_MIRROR_INSTANTS = 8
_MIRROR_SWAY_MIN = 0.01
_SEAT_OVERLAP_MAX = 0.1
_SEAT_DISTANCE_MAX = 0.75
_SEAT_RATIO = 0.6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A face that could be the respondent's.

    Attributes:
        track: The face.
        present_share: Share of the instants with a frame in which it is there, 0..1.
        centre_px: x and y of its middle, median.
        size_px: Side of a square of its area, median.
        size_share: That in heights of the picture; None where its size is not known.
        x_share: Middle in widths of the picture, 0..1; None likewise.
        compared: Instants at which its change was measured.
        moved: Those of them at which it moved.
    """

    track: Track
    present_share: float
    centre_px: tuple[float, float]
    size_px: float
    size_share: float | None
    x_share: float | None
    compared: int
    moved: int

    @property
    def face_id(self) -> str:
        """Its id in the recording."""
        return self.track.face_id

    @property
    def still(self) -> bool:
        """Whether it is a picture, as far as can be told: it was watched and did not move."""
        return self.measured and self.moved < STILL_SHARE * self.compared

    @property
    def measured(self) -> bool:
        """Whether enough is known to say that it moves or does not."""
        return self.compared >= COMPARED_MIN

    def weight(self, seat: Seat | None = None) -> float:
        """How much speaks for it: time in view, area, and nearness to its place."""
        away = 0.0
        if self.x_share is not None:
            away = abs(self.x_share - (0.5 if seat is None else SEAT_AT[seat]))
        return self.present_share * self.size_px**2 * math.exp(-away / AWAY_WIDTH)


def candidates(moments: Moments, picture_px: tuple[int, int] | None) -> list[Candidate]:
    """Return what is known of every face that could be followed.

    Args:
        moments: The recording.
        picture_px: Width and height of the upright picture, None where unknown.
    """
    framed = max(1, int((moments.state != State.NO_FRAME).sum()))
    return [_candidate(track, framed, picture_px) for track in moments.known]


def _candidate(track: Track, framed: int, picture_px: tuple[int, int] | None) -> Candidate:
    box = track.box_px[track.present]
    x, y = _centres(track)
    size = _median(np.sqrt(box[:, 2] * box[:, 3]))
    compared = np.isfinite(track.change) & np.isfinite(track.scene_change)
    moved = track.change[compared] > MOVED_LEVELS + MOVED_TIMES * track.scene_change[compared]
    centre = (_median(x[track.present]), _median(y[track.present]))
    return Candidate(
        track=track,
        present_share=float(track.present.sum()) / framed,
        centre_px=centre,
        size_px=size,
        size_share=size / picture_px[1] if picture_px else None,
        x_share=centre[0] / picture_px[0] if picture_px else None,
        compared=int(compared.sum()),
        moved=int(moved.sum()),
    )


def takes_turns(one: Candidate, other: Candidate) -> bool:
    """Whether two faces are at the same place, one after the other: a seat that changed hands."""
    both = int((one.track.present & other.track.present).sum())
    fewer = int(min(one.track.present.sum(), other.track.present.sum()))
    if both > _SEAT_OVERLAP_MAX * fewer:
        return False
    apart = math.dist(one.centre_px, other.centre_px) / max(one.size_px, other.size_px, 1e-9)
    ratio = min(one.size_px, other.size_px) / max(one.size_px, other.size_px, 1e-9)
    return apart <= _SEAT_DISTANCE_MAX and ratio >= _SEAT_RATIO


def mirrors(one: Candidate, other: Candidate) -> bool:
    """Whether a smaller face moves as another does, or as its mirror image would."""
    if other.size_px >= one.size_px:
        return False
    both = one.track.present & other.track.present
    if int(both.sum()) < _MIRROR_INSTANTS:
        return False
    (x, y), (other_x, other_y) = (
        tuple(values[both] for values in _centres(item.track)) for item in (one, other)
    )
    across, down = _together(x, other_x), _together(y, other_y)
    # Who hardly moves resembles anything.
    if float(np.hypot(x.std(), y.std())) < _MIRROR_SWAY_MIN * one.size_px:
        return False
    return abs(across) >= _MIRROR_LIKENESS and down >= _MIRROR_LIKENESS


def read_instants(candidate: Candidate) -> int:
    """Return at how many instants an expression was read."""
    return int((candidate.track.emotion != NONE).sum())


def _together(one: FloatArray, other: FloatArray) -> float:
    if float(one.std()) < 1e-9 or float(other.std()) < 1e-9:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _centres(track: Track) -> tuple[FloatArray, FloatArray]:
    box = track.box_px
    return box[:, 0] + box[:, 2] / 2, box[:, 1] + box[:, 3] / 2


def _median(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0
