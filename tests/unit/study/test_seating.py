"""How many respondents a study declares, and where."""

from __future__ import annotations

import pytest

from include.contracts.errors import PermanentInputError
from include.contracts.seating import Seat, Seating
from include.study.study_file import parse_study_file


def _seating(lines: str) -> Seating:
    content = f"purpose: market_research\n{lines}\n".encode()
    return parse_study_file("spring", "study.yaml", content).seating


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", Seating()),
        ("respondents: 1", Seating(1, (), declared=True)),
        ("respondents: 2", Seating(2, (), declared=True)),
        ("seats: [right, LEFT]", Seating(2, (Seat.LEFT, Seat.RIGHT), declared=True)),
        ("seats: center", Seating(1, (Seat.CENTRE,), declared=True)),
        (
            "respondents: 3\nseats:\n - left\n - middle\n - right",
            Seating(3, (Seat.LEFT, Seat.CENTRE, Seat.RIGHT), declared=True),
        ),
    ],
)
def test_seatings(lines: str, expected: Seating) -> None:
    assert _seating(lines) == expected


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("respondents: 0", "no whole number from 1 to 6"),
        ("respondents: two", "no whole number"),
        ("respondents: yes", "no whole number"),
        ("respondents: 1.5", "no whole number"),
        ("respondents: 2\nseats: [left]", "a seat for each respondent"),
        ("seats: [left, left]", "a seat twice"),
        ("seats: [sofa]", "'sofa'"),
        ("seats: {left: 1}", "seats are left, centre, right"),
    ],
)
def test_a_seating_that_cannot_be_meant_is_refused(lines: str, words: str) -> None:
    with pytest.raises(PermanentInputError, match=r"study\.yaml of study 'spring'") as refused:
        _seating(lines)
    assert words in refused.value.sentence
