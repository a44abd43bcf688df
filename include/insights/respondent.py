"""Whom a recording is about: the face that a person would take for the respondent, and why.

Each face is weighed by the time it is in view, its area and how near it sits to the middle
(or to the seat that the study names). What was watched and did not move is a picture and
counts for little; who moves exactly as a larger face does is its mirror image; who is at the
same place at other times had the seat before or after. Thresholds and what they were measured
on: docs/decisions/0026-respondent.md.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from include.contracts.seating import ONE_RESPONDENT, SEAT_AT, Seat, Seating
from include.insights.candidates import (
    Candidate,
    candidates,
    mirrors,
    read_instants,
    takes_turns,
)
from include.insights.moments import Moments, State, Track

STILL_WEIGHT = 0.05
"""What a still picture counts: a large one for a year less than a person for an hour."""
CLOSE_RATIO = 1 / 3
"""A face with this share of the chosen one's weight could be the respondent as well."""
COMPANY_SHARE = 0.2
"""A face in view for less of the time than this is no rival."""
PASSING_SHARE = 0.1
SECOND_WEIGHT_MIN = 0.04
"""A further respondent has at least this share of the first one's weight."""
_SCREEN_FACES = 3
_SEAT_INSTANTS = 2


class Kind(StrEnum):
    """What a face that is not a respondent's seems to be."""

    PICTURE = "still picture"
    MIRROR = "mirror image"
    SEAT = "same seat at another time"
    SCREEN = "comes and goes, as on a screen"
    PASSING = "passing"
    LESS = "less likely"


@dataclass(frozen=True, slots=True)
class SeatChange:
    """Another face is at a respondent's place from `at_s` (counted from the first target) on."""

    at_s: float
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Respondent:
    """A person whom the recording is about.

    Attributes:
        label: "1", "2", ... from left to right, or the seat where the study names seats.
        seat: Where the study says that somebody sits.
        face: Whose face.
        seat_changes: When somebody else took that place or gave it back.
    """

    label: str
    seat: Seat | None
    face: Candidate
    seat_changes: tuple[SeatChange, ...]

    @property
    def track(self) -> Track:
        """The face through time."""
        return self.face.track


@dataclass(frozen=True, slots=True)
class Other:
    """A face that the recording is not about.

    Attributes:
        face: Which.
        kind: What it seems to be.
        of: The respondent that it was weighed against: the one it comes nearest to.
        ratio: Its weight by that respondent's.
    """

    face: Candidate
    kind: Kind
    of: Respondent
    ratio: float

    @property
    def close(self) -> bool:
        """Whether it could be the respondent as well."""
        return (
            (self.kind in (Kind.LESS, Kind.SCREEN) or (self.face.still and self.of.face.still))
            and self.face.present_share >= COMPANY_SHARE
            and self.ratio >= CLOSE_RATIO
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a recording is about.

    Attributes:
        seating: What the study expects.
        respondents: Those found, from left to right; none where no face could be followed.
        others: Every other face, in the order of their ids.
        unattributed: Instants with a face of which it could not be told whose it is.
        framed: Instants with a frame.
    """

    seating: Seating
    respondents: tuple[Respondent, ...]
    others: tuple[Other, ...]
    unattributed: int
    framed: int

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The respondents' faces."""
        return tuple(respondent.track for respondent in self.respondents)

    @property
    def label_of(self) -> dict[str, str]:
        """Respondents' labels by face id."""
        return {respondent.face.face_id: respondent.label for respondent in self.respondents}


def choose(
    moments: Moments,
    *,
    seating: Seating = ONE_RESPONDENT,
    picture_px: tuple[int, int] | None = None,
) -> Choice:
    """Choose whom a recording is about.

    Args:
        moments: The recording.
        seating: How many respondents the study expects, and where.
        picture_px: Width and height of the upright picture; where it is not known, nearness
            to the middle does not count.
    """
    faces = candidates(moments, picture_px)
    picked = _picked(faces, seating)
    rest = [face for face in faces if face not in picked]
    respondents = tuple(
        Respondent(label, seat, face, _seat_changes(moments, face, rest))
        for label, seat, face in _seated(picked, seating)
    )
    unknown = moments.unknown
    return Choice(
        seating=seating,
        respondents=respondents,
        others=tuple(_other(face, rest, respondents, seating) for face in rest),
        unattributed=int(unknown.present.sum()) if unknown else 0,
        framed=int((moments.state != State.NO_FRAME).sum()),
    )


def _weight(face: Candidate, seating: Seating) -> float:
    """What speaks for a face, at the seat that suits it best."""
    return (STILL_WEIGHT if face.still else 1.0) * max(
        face.weight(seat) for seat in seating.seats or (None,)
    )


def _picked(faces: Sequence[Candidate], seating: Seating) -> list[Candidate]:
    """The weightiest faces, one for each seat."""
    order = sorted(
        enumerate(faces),
        # Rounded: what differs by the last bits only is a tie, and goes to who was read more.
        key=lambda item: (
            -round(math.log(_weight(item[1], seating) + 1e-12), 6),
            -read_instants(item[1]),
            item[0],
        ),
    )
    picked: list[Candidate] = []
    for _, face in order:
        if len(picked) == seating.respondents:
            break
        if picked and not _is_further(face, picked, seating):
            continue
        picked.append(face)
    return picked


def _is_further(face: Candidate, picked: Sequence[Candidate], seating: Seating) -> bool:
    """Whether a face is that of a further respondent."""
    return (
        not face.still
        and _weight(face, seating) >= SECOND_WEIGHT_MIN * _weight(picked[0], seating)
        and not any(takes_turns(other, face) or mirrors(other, face) for other in picked)
    )


def _seated(
    picked: Sequence[Candidate], seating: Seating
) -> list[tuple[str, Seat | None, Candidate]]:
    """Name the chosen faces, from left to right."""
    ordered = sorted(picked, key=lambda face: face.centre_px[0])
    if not seating.seats:
        return [(str(number), None, face) for number, face in enumerate(ordered, start=1)]
    # Fewer were found than there are seats: those they sit nearest to, nobody passing another.
    seats = min(
        itertools.combinations(seating.seats, len(ordered)),
        key=lambda some: sum(
            abs((0.5 if face.x_share is None else face.x_share) - SEAT_AT[seat])
            for face, seat in zip(ordered, some, strict=True)
        ),
    )
    return [(seat.value, seat, face) for seat, face in zip(seats, ordered, strict=True)]


def _seat_changes(
    moments: Moments, face: Candidate, rest: Sequence[Candidate]
) -> tuple[SeatChange, ...]:
    """When the place of a respondent went to somebody else and back."""
    sharers = [
        other
        for other in rest
        if not other.still
        and int(other.track.present.sum()) >= _SEAT_INSTANTS
        and takes_turns(face, other)
    ]
    if not sharers:
        return ()
    there = np.stack([item.track.present for item in (face, *sharers)])
    names = [item.face_id for item in (face, *sharers)]
    changes: list[SeatChange] = []
    sitting: str | None = None
    # The respondent's own row comes first: where both are seen, the seat is still theirs.
    for index in np.flatnonzero(there.any(axis=0)).tolist():
        name = names[int(np.argmax(there[:, index]))]
        if sitting is not None and name != sitting:
            changes.append(SeatChange(float(moments.start_s[index]), sitting, name))
        sitting = name
    return tuple(changes)


def _other(
    face: Candidate, rest: Sequence[Candidate], respondents: Sequence[Respondent], seating: Seating
) -> Other:
    weight = _weight(face, seating)
    nearest = min(respondents, key=lambda item: _weight(item.face, seating))
    kind = Kind.LESS
    if shared := next((item for item in respondents if takes_turns(item.face, face)), None):
        kind, nearest = Kind.SEAT, shared
    if face.present_share < PASSING_SHARE and kind is Kind.LESS:
        kind = Kind.PASSING
    if sum(takes_turns(face, other) for other in rest if other is not face) >= _SCREEN_FACES - 1:
        kind = kind if kind is Kind.SEAT else Kind.SCREEN
    if reflected := next((item for item in respondents if mirrors(item.face, face)), None):
        kind, nearest = Kind.MIRROR, reflected
    if face.still:
        kind = Kind.PICTURE
    return Other(face, kind, nearest, weight / max(_weight(nearest.face, seating), 1e-12))
