"""What a study declares of its respondents, read from the lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.contracts.errors import PermanentInputError
from include.contracts.seating import ONE_RESPONDENT, Seat, Seating
from include.lake.store import Lake
from include.pipeline.study_files import study_seating
from tests.fakes.home import services_in


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return services_in(tmp_path).lake


def test_the_seats_of_a_study_are_read_where_it_names_them(lake: Lake) -> None:
    assert study_seating(lake, "spring") == ONE_RESPONDENT
    lake.put_bytes("incoming/spring/study.yaml", b"purpose: market_research\n")
    assert study_seating(lake, "spring") == ONE_RESPONDENT
    lake.put_bytes(
        "incoming/spring/study.yaml", b"purpose: market_research\nseats: [right, left]\n"
    )
    assert study_seating(lake, "spring") == Seating(2, (Seat.LEFT, Seat.RIGHT), declared=True)


def test_seats_that_cannot_be_meant_are_refused(lake: Lake) -> None:
    lake.put_bytes("incoming/spring/study.yaml", b"purpose: market_research\nseats: [sofa]\n")
    with pytest.raises(PermanentInputError, match="'sofa'"):
        study_seating(lake, "spring")
