"""Lines of a table of respondents meet the recordings there are."""

from __future__ import annotations

import unicodedata

from include.study.respondents import Respondents
from include.study.respondents_table import Respondent


def _people(lines: dict[str, tuple[str, str]], *recordings: str) -> Respondents:
    table = {typed: Respondent(who, {"age": age}) for typed, (who, age) in lines.items()}
    return Respondents("Spot ä", table, recordings)


def test_lines_are_matched_as_people_type_them() -> None:
    decomposed = unicodedata.normalize("NFD", "Jörg.mp4")
    lines = {decomposed: ("P1", "30"), ".\\R2": ("P1", "30"), "spot Ä/r3.mov": ("P2", "40")}
    people = _people(lines, "Jörg.mp4", "r2.mp4", "r3.mov", "r4.mp4")
    seen = {name: people.of(name) for name in ("Jörg.mp4", "r2.mp4", "r3.mov")}
    assert [who.respondent for who in seen.values() if who] == ["P1", "P1", "P2"]
    assert people.of("r4.mp4") is None
    assert people.lines_of("r2.mp4") == (".\\R2",)
    assert (people.unsettled, people.contradicting, people.notes()) == ((), (), [])


def test_a_line_that_may_be_two_recordings_says_nothing_of_either() -> None:
    people = _people({"r1": ("P1", "30"), "r9.mp4": ("P9", "20")}, "r1.mov", "r1.mp4")
    assert (people.of("r1.mov"), people.of("r1.mp4")) == (None, None)
    assert [match.typed for match in people.unsettled] == ["r1", "r9.mp4"]
    assert people.notes() == [
        "1 line(s) of respondents.csv of study 'Spot ä' may name several recordings: "
        + "they are left out"
    ]


def test_a_recording_that_nobody_knew_of_is_matched_all_the_same() -> None:
    assert _people({"R1": ("P1", "30")}).of("r1.mp4") == Respondent("P1", {"age": "30"})


def test_two_lines_of_one_recording_must_agree() -> None:
    same = _people({"r1.mp4": ("P1", "30"), "R1": ("P1", "30")}, "r1.mp4")
    assert same.of("r1.mp4") == Respondent("P1", {"age": "30"})
    other = _people({"r1.mp4": ("P1", "30"), "R1": ("P2", "30")}, "r1.mp4")
    assert other.of("r1.mp4") is None
    assert other.contradicting == ("r1.mp4",)
    assert "contradict each other" in other.notes()[0]


def test_an_id_in_another_unicode_form_is_the_same_person() -> None:
    lines = {"r1.mp4": ("Å1", "1"), "r2.mp4": (unicodedata.normalize("NFD", "Å1"), "1")}
    people = _people(lines, "r1.mp4", "r2.mp4")
    assert people.of("r1.mp4") == people.of("r2.mp4")
