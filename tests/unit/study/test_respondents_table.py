"""Who is seen in which recording: read whole, every bad line named."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.contracts.errors import PermanentInputError
from include.lake.store import Lake
from include.pipeline.study_files import read_respondents
from include.settings import StorageSettings
from include.study.respondents import Respondents
from include.study.respondents_table import parse_respondents

SAVED = Path(__file__).parent / "saved_by_libreoffice"


def test_people_and_what_they_declared() -> None:
    content = (
        "\ufeffRecording,respondent,Age_Group,hand\r\n"
        "day 1/r1.mp4,P-1,25-34,\r\n"
        '"r,2.mp4", P-1 ,,left\r\n'
        "\r\n"
    ).encode()
    found = parse_respondents("s", content)
    assert {name: person.respondent for name, person in found.items()} == {
        "day 1/r1.mp4": "P-1",
        "r,2.mp4": "P-1",
    }
    assert found["day 1/r1.mp4"].attributes == {"age_group": "25-34"}
    assert found["r,2.mp4"].attributes == {"hand": "left"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: is missing"),
        (b"recording,who\nr,p\n", "line 1: has no column respondent"),
        (b"recording,respondent,age,age\n", "line 1: names a column twice"),
        (b"recording,respondent\nr1,p\nr2\n", "line 3: has 1 cells, the header 2"),
        (b"recording,respondent\nr1,\n", "line 2: has no respondent"),
        (b"recording,respondent\nr1,p\nr1,q\n", "line 3: names the recording 'r1' a second time"),
        (b'recording,respondent\nr1,"p\n', "line 2: is not CSV"),
        (b"recording,respondent\nr\xff,p\n", "the whole file: is not UTF-8"),
        (
            b"recording;respondent;age\nr1;1,23457E+12;4\n",
            "line 2, column respondent: '1,23457E+12'",
        ),
        (b"recording,respondent\n1.23457E+12,p\n", "line 2, column recording: '1.23457E+12' was"),
        (
            b"recording,respondent,age_group\na,p,25-34\nb,q,12. Nov\n",
            "line 3, column age_group: '12.",
        ),
        (b"recording,respondent\na,12-Nov\n", "line 2, column respondent: '12-Nov' looks like"),
    ],
)
def test_a_bad_line_is_named(content: bytes, said: str) -> None:
    with pytest.raises(PermanentInputError) as caught:
        parse_respondents("Spot", content)
    assert caught.value.sentence.startswith("respondents.csv of study 'Spot', ")
    assert said in caught.value.sentence


def test_a_study_without_the_file_has_nobody_named(tmp_path: Path) -> None:
    lake = Lake.open(StorageSettings(lake_url=tmp_path.as_uri()))
    folder = tmp_path / "incoming" / "Spot ä"
    folder.mkdir(parents=True)
    assert read_respondents(lake, "Spot ä") == {}
    (folder / "respondents.csv").write_text("recording,respondent\nr.mp4,P\n")
    assert read_respondents(lake, "Spot ä")["r.mp4"].respondent == "P"


def test_numbers_that_a_spreadsheet_changed_are_read_where_that_is_certain() -> None:
    content = (
        b"sep=;\r\nRecording;Respondent;age;born;;\r\n1;1,7E+01;34,0;12. Nov;;\r\n"
        b"1,7E+01;18;3.5E+01;;;\r\nday 2/12. Nov.mp4;19;;;;\r\n;;;;;\r\n"
    )
    recordings = ("001.mp4", "17.mov", "day 2/12. Nov.mp4", "018.mp4", "18.mp4")
    people = Respondents("s", parse_respondents("s", content), recordings)

    first, second = people.of("001.mp4"), people.of("17.mov")
    assert first is not None
    assert second is not None
    assert (first.respondent, first.attributes) == ("17", {"age": "34", "born": "12. Nov"})
    assert (second.respondent, second.attributes) == ("18", {"age": "35"})
    assert people.of("day 2/12. Nov.mp4") is not None
    assert people.of("018.mp4") is None


def test_a_number_that_may_be_two_recordings_names_both() -> None:
    people = Respondents(
        "s", parse_respondents("s", b"recording,respondent\n1,P\n"), ("001.mp4", "01.mp4")
    )
    assert people.of("001.mp4") is None
    assert (
        people.hint("01.mp4") == " Line 2: '1' may be '001.mp4' or '01.mp4': write the whole name."
    )


def test_a_line_that_may_be_meant_is_told() -> None:
    table = parse_respondents("s", b"recording,respondent\nr0l.mp4,P\n")
    assert Respondents("s", table, ("r01.mp4",)).hint("r01.mp4") == (
        " Line 2 says 'r0l.mp4': is this recording meant?"
    )


def test_recordings_without_a_folder_have_their_table_beside_them(tmp_path: Path) -> None:
    lake = Lake.open(StorageSettings(lake_url=tmp_path.as_uri()))
    (tmp_path / "incoming" / "respondents.csv").write_text("recording,respondent\nr.mp4,P\n")
    assert read_respondents(lake, "unsorted")["r.mp4"].respondent == "P"
    assert read_respondents(lake, "other") == {}


@pytest.mark.parametrize("path", sorted(SAVED.glob("*.csv")), ids=lambda path: path.stem)
def test_what_a_spreadsheet_really_saves(path: Path) -> None:
    table = parse_respondents("s", path.read_bytes())
    people = Respondents("s", table, ("001.mp4", "Jörg.mp4"))

    first, second = people.of("001.mp4"), people.of("Jörg.mp4")
    assert first is not None
    assert second is not None
    assert (first.respondent, second.respondent) == ("17", "P-0018")
    assert first.attributes == {"age": "34", "note": 'zwei\nZeilen; mit "Zeichen", ja'}
    assert (first.consent.version, second.consent.version) == ("Hinweis ä 2", "Hinweis ä 2")
    assert first.consent.given_at is not None
    assert first.consent.given_at.earliest.date().isoformat() == "2026-02-19"  # east of Greenwich
    assert first.consent.faults == ()
