"""How many respondents a recording holds and where they sit, as a study declares it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Seat(StrEnum):
    """Where somebody sits, as seen in the picture, from left to right."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


SEAT_AT: dict[Seat, float] = {Seat.LEFT: 0.25, Seat.CENTRE: 0.5, Seat.RIGHT: 0.75}
"""Where a seat is about, as a share of the picture's width."""

MAX_RESPONDENTS = 6
"""More people at once are an audience: their faces are too small to be read one by one."""


@dataclass(frozen=True, slots=True)
class Seating:
    """What is expected in every recording of a study.

    Attributes:
        respondents: How many, 1 to `MAX_RESPONDENTS`.
        seats: Where they sit, from left to right; empty where nothing is declared, else as
            many as there are respondents.
        declared: Whether the study says so, rather than nothing.
    """

    respondents: int = 1
    seats: tuple[Seat, ...] = ()
    declared: bool = False


ONE_RESPONDENT = Seating()
"""Where a study says nothing."""
