"""Consent: who agreed, who took it back, and what cannot be as it is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.contracts.errors import PermanentInputError
from include.study.consent import require_consent
from include.study.dates import read_moment
from include.study.respondents import Respondents
from include.study.respondents_table import parse_respondents

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEADER = "recording,respondent,consent,consent_at,consent_withdrawn_at\n"


def held(row: str, *, required: bool = True, header: str = HEADER) -> PermanentInputError | None:
    table = parse_respondents("Spot", f"{header}{row}\n".encode())
    lines = Respondents("Spot", table, ("r1.mp4",)).speaking_of("r1.mp4")
    try:
        require_consent("Spot", "r1.mp4", lines, required=required, now=NOW)
    except PermanentInputError as error:
        return error
    return None


@pytest.mark.parametrize(
    "row",
    [
        *("r1.mp4,P1,v2,2026-11-20,", "r1.mp4,P1,v2,,", "r1,P1,notice 3,20.11.2026,-"),
        *("R1.MP4,P1,v2,2026-11-21,", "r1.mp4,P1,v2,2026-11-21T11:59:00Z,", "r1.mp4,P1,yes,,no"),
        # Days are days somewhere: the 22nd has begun east of Greenwich.
        "r1.mp4,P1,v2,2026-11-22,",
    ],
)
def test_consent_that_was_given(row: str) -> None:
    assert held(row) is None


@pytest.mark.parametrize(
    "row", ["r1.mp4,P1,,,", "r1.mp4,P1,no,,", "r1.mp4,P1,-,,", "r1.mp4,P1,Nein,,", "other,P1,v1,,"]
)
def test_consent_that_is_missing(row: str) -> None:
    error = held(row)
    assert error is not None
    assert error.code == "consent_missing"
    assert "'r1.mp4' of study 'Spot' was not decoded" in error.sentence
    assert "incoming/Spot/respondents.csv" in error.remedy
    assert held(row, required=False) is None


def test_a_table_without_the_columns_has_no_consent() -> None:
    error = held("r1.mp4,P1", header="recording,respondent\n")
    assert error is not None
    assert "line 2 has no version of the notice" in error.sentence


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("r1.mp4,P1,v2,2026-11-01,2026-11-20", "withdrawn (2026-11-20)"),
        ("r1.mp4,P1,v2,,20.11.2026", "withdrawn (20.11.2026)"),
        ("r1.mp4,P1,,,2026-11-20", "withdrawn (2026-11-20)"),
        ("r1.mp4,P1,withdrawn,,", "line 2"),
        # Whatever stands there takes the recording out; what is wrong with it is named too.
        ("r1.mp4,P1,v2,,by phone", "consent_withdrawn_at: 'by phone' is no day"),
        ("r1.mp4,P1,v2,,2027-01-01", "consent_withdrawn_at '2027-01-01' lies in the future"),
        ("r1.mp4,P1,v2,2026-11-10,2026-11-01", "lies before consent_at '2026-11-10'"),
    ],
)
def test_consent_that_was_withdrawn_names_the_way_to_erase(
    row: str, named: str, required: bool
) -> None:
    error = held(row, required=required)
    assert error is not None
    assert error.code == "consent_withdrawn"
    assert named in error.sentence
    command = "python -m include.pipeline.erasure Spot --recording r1.mp4 --asked-by NAME"
    assert command in error.remedy
    assert "erase_respondent" in error.remedy


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("r1.mp4,P1,v2,2027-01-01,", "consent_at '2027-01-01' lies in the future"),
        ("r1.mp4,P1,v2,soon,", "consent_at: 'soon' is no day that can be read"),
        ("r1.mp4,P1,v2,03/04/2026,", "'03/04/2026' may be two days"),
        ("r1.mp4,P1,v2,46347,", "a spreadsheet's number of a day"),
        ("r1.mp4,P1,v2,12. Nov,", "'12. Nov' is no day that can be read"),
        ("r1.mp4,P1,v2,31.02.2026,", "is no day of the calendar"),
        ("r1.mp4,P1,,2026-11-01,", "stands without a version in consent"),
    ],
)
def test_what_cannot_be_is_named_with_its_line(row: str, named: str, required: bool) -> None:
    error = held(row, required=required)
    assert error is not None
    assert error.code == "bad_study_file"
    assert "respondents.csv of study 'Spot', recording 'r1.mp4', line 2: " in error.sentence
    assert named in error.sentence


@pytest.mark.parametrize(
    ("column", "right"),
    [
        ("consnet", "consent"),
        ("consent_version", "consent"),
        ("consent withdrawn", "consent_withdrawn_at"),
        ("withdrawn_at", "consent_withdrawn_at"),
        ("Widerruf", "consent_withdrawn_at"),
        ("Einwilligung", "consent"),
    ],
)
def test_a_misspelt_column_of_consent_is_no_attribute(column: str, right: str) -> None:
    with pytest.raises(PermanentInputError) as caught:
        parse_respondents("s", f"recording,respondent,{column}\nr,p,x\n".encode())
    assert f"nobody reads: name it {right}." in caught.value.sentence


def test_everybody_seen_must_have_agreed() -> None:
    table = parse_respondents("s", f"{HEADER}r1.mp4,P1,v1,,\nR1,P2,,,\n".encode())
    lines = Respondents("s", table, ("r1.mp4",)).speaking_of("r1.mp4")
    with pytest.raises(PermanentInputError, match="line 3 has no version"):
        require_consent("s", "r1.mp4", lines, required=True, now=NOW)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-21", "2026-11-21"),
        ("21.11.2026", "2026-11-21"),
        ("21.11.26", "2026-11-21"),
        ("11/21/2026", "2026-11-21"),
        ("21/11/26", "2026-11-21"),
        ("05/05/2026", "2026-05-05"),
        ("20261121", "2026-11-21"),
    ],
)
def test_a_day_that_can_be_only_one(text: str, day: str) -> None:
    found, iso = read_moment(text), read_moment(day)
    assert (found.earliest, found.latest) == (iso.earliest, iso.latest)


def test_a_time_with_a_zone_is_one_moment() -> None:
    found = read_moment("2026-11-21T14:30:00+01:00")
    assert found.earliest == found.latest == datetime(2026, 11, 21, 13, 30, tzinfo=UTC)
    assert read_moment("21.11.2026 14:30").latest > read_moment("21.11.2026 14:30").earliest
