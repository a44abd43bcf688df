"""Whom a recording is about: people, posters, televisions, mirrors, passers-by."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from include.contracts.seating import ONE_RESPONDENT, Seat, Seating
from include.contracts.validation import ValidationResult
from include.insights.quality import judge
from include.insights.respondent import Choice, Kind, choose
from include.insights.respondent_words import left_out_because
from include.insights.summary import summarise
from include.insights.verdict import Verdict
from tests.unit.insights.company import PICTURE_PX, Face, moments_of

OK = ValidationResult("0" * 32, "ok")
PERSON = Face("f1", x=0.45, side_px=150)
POSTER = Face("f2", x=0.85, side_px=60, change=0.4)
LEFT_RIGHT = Seating(2, (Seat.LEFT, Seat.RIGHT), declared=True)


def _choice(*faces: Face, seating: Seating = ONE_RESPONDENT, instants: int = 20) -> Choice:
    return choose(moments_of(faces, instants), seating=seating, picture_px=PICTURE_PX)


def _chosen(choice: Choice) -> list[tuple[str, str]]:
    return [(item.label, item.face.face_id) for item in choice.respondents]


def _kinds(choice: Choice) -> dict[str, Kind]:
    return {item.face.face_id: item.kind for item in choice.others}


def _verdict(*faces: Face, seating: Seating = ONE_RESPONDENT, instants: int = 20):
    moments = moments_of(faces, instants)
    choice = choose(moments, seating=seating, picture_px=PICTURE_PX)
    verdict, rules = judge(moments, choice, OK)
    return verdict, " ".join(rule.sentence for rule in rules)


@pytest.mark.parametrize("ids", [("f1", "f2"), ("f2", "f1")])
def test_of_faces_always_in_view_the_large_one_is_the_respondent(ids: tuple[str, str]) -> None:
    """Ids are given by who is seen first: they say nothing of who is meant."""
    person, poster = replace(PERSON, face_id=ids[0]), replace(POSTER, face_id=ids[1])
    choice = _choice(person, poster)
    assert _chosen(choice) == [("1", ids[0])]
    assert _kinds(choice) == {ids[1]: Kind.PICTURE}
    assert "a still picture: it never moved (0 of 19 comparisons)" in left_out_because(
        choice.others[0]
    )
    assert _verdict(person, poster)[0] is Verdict.GOOD


def test_a_large_poster_in_the_middle_is_not_the_respondent() -> None:
    poster = Face("f1", x=0.5, side_px=200, change=0.5)
    person = Face("f2", x=0.3, side_px=110, at=lambda instant: instant > 4)
    choice = _choice(poster, person)
    assert _chosen(choice) == [("1", "f2")]
    assert _kinds(choice) == {"f1": Kind.PICTURE}


def test_a_respondent_who_hardly_moves_is_not_given_up_for_a_passer_by() -> None:
    calm = Face("f1", side_px=150, change=1.5)
    passing = Face("f2", x=0.8, side_px=90, at=lambda instant: 7 <= instant < 11)
    assert _chosen(_choice(calm, passing)) == [("1", "f1")]


def test_the_faces_of_a_television_are_others() -> None:
    shown = [
        Face(f"f{number}", x=0.85, side_px=80, at=lambda k, n=number: k // 4 == n - 2)
        for number in range(2, 7)
    ]
    choice = _choice(PERSON, *shown)
    assert _chosen(choice) == [("1", "f1")]
    assert set(_kinds(choice).values()) == {Kind.SCREEN}
    assert "as on a screen" in left_out_because(choice.others[0])
    assert _verdict(PERSON, *shown)[0] is Verdict.GOOD


def test_a_mirror_shows_the_respondent_again() -> None:
    def sways(instant: int) -> tuple[float, float]:
        return 9 * math.sin(instant), 5 * math.cos(1.7 * instant)

    person = replace(PERSON, sways_px=sways)
    mirrored = Face(
        "f2", x=0.85, side_px=100, sways_px=lambda k: (-0.6 * sways(k)[0], 0.6 * sways(k)[1])
    )
    choice = _choice(person, mirrored)
    assert _chosen(choice) == [("1", "f1")]
    assert _kinds(choice) == {"f2": Kind.MIRROR}
    # Somebody else of the same size would be a close choice; the mirror image is not.
    neighbour = replace(mirrored, sways_px=lambda k: (6 * math.sin(2.3 * k), 0.0))
    assert _kinds(_choice(person, neighbour)) == {"f2": Kind.LESS}


def test_a_close_choice_is_told_and_never_good() -> None:
    verdict, told = _verdict(Face("f1", x=0.3), Face("f2", x=0.7))
    assert verdict is Verdict.CARE
    assert "is a close choice" in told
    assert "f2 has 100 % of the weight of f1" in told


def test_a_picture_alone_is_no_good_recording() -> None:
    verdict, told = _verdict(Face("f1", change=0.3))
    assert verdict is Verdict.CARE
    assert "No respondent was seen moving: f1 moved in 0 of 19 comparisons" in told
    assert "it may be a picture rather than a person" in told
    assert "is a close choice" in _verdict(Face("f1", change=0.3), Face("f2", change=0.2))[1]


def test_without_measurements_company_calls_for_care() -> None:
    """Extractions of earlier versions did not measure movement."""
    unmeasured = [replace(face, change=None) for face in (PERSON, POSTER)]
    verdict, told = _verdict(*unmeasured)
    assert verdict is Verdict.CARE
    assert "was not measured" in told
    assert _verdict(unmeasured[0])[0] is Verdict.GOOD


def test_a_seat_that_changes_hands_is_told_and_the_report_is_about_one() -> None:
    first = Face("f1", at=lambda instant: instant < 11)
    second = Face("f2", x=0.52, side_px=126, at=lambda instant: instant >= 13)
    choice = _choice(first, second)
    assert _chosen(choice) == [("1", "f1")]
    assert _kinds(choice) == {"f2": Kind.SEAT}
    [change] = choice.respondents[0].seat_changes
    assert (change.at_s, change.before, change.after) == (13.0, "f1", "f2")
    verdict, told = _verdict(first, second)
    assert verdict is Verdict.CARE
    assert (
        "The person in the seat changed at 0:13 (f1, then f2); the shares are those of f1 only."
        in told
    )


def test_a_seat_may_change_hands_and_come_back() -> None:
    first = Face("f1", at=lambda instant: not 5 <= instant < 9)
    second = Face("f2", at=lambda instant: 5 <= instant < 9)
    changes = _choice(first, second).respondents[0].seat_changes
    assert [(change.at_s, change.after) for change in changes] == [(5.0, "f2"), (9.0, "f1")]


def test_a_face_elsewhere_in_the_picture_does_not_take_the_seat() -> None:
    first = Face("f1", x=0.3, at=lambda instant: instant < 11)
    elsewhere = Face("f2", x=0.8, at=lambda instant: instant >= 11)
    choice = _choice(first, elsewhere)
    assert choice.respondents[0].seat_changes == ()
    assert _kinds(choice) == {"f2": Kind.LESS}


def test_faces_of_unknown_identity_are_nobody_s() -> None:
    known = Face("f1", at=lambda instant: instant < 16)
    unknown = Face("unknown", at=lambda instant: instant >= 16)
    moments = moments_of([known, unknown])
    choice = choose(moments, picture_px=PICTURE_PX)
    assert (choice.unattributed, choice.framed) == (4, 20)
    verdict, told = _verdict(known, unknown)
    assert verdict is Verdict.CARE
    assert "In 4 moments (20 %) a face was seen of which it could not be told whose it is" in told
    summary = summarise(moments, choice, sample_rate_hz=1.0, validation=OK)
    assert summary["unattributed_instants"] == 4
    assert summary["respondents"][0]["readable_instants"] == 16


def test_the_verdict_is_about_the_respondent_not_about_anybody() -> None:
    """A poster that is readable all the time does not make up for a respondent who is away."""
    away = replace(PERSON, at=lambda instant: instant < 6)
    verdict, told = _verdict(away, POSTER)
    assert verdict is Verdict.NOT_USABLE
    assert "The respondent's face could be read in 30 % of the sampled moments (6 of 20)" in told


def test_several_respondents_sit_where_the_study_says() -> None:
    faces = [
        Face("f1", x=0.72, side_px=110),
        Face("f2", x=0.26, side_px=100),
        Face("f3", x=0.5, side_px=90, change=0.2),
    ]
    choice = _choice(*faces, seating=LEFT_RIGHT)
    assert _chosen(choice) == [("left", "f2"), ("right", "f1")]
    assert _kinds(choice) == {"f3": Kind.PICTURE}
    numbered = _choice(*faces, seating=Seating(2, declared=True))
    assert _chosen(numbered) == [("1", "f2"), ("2", "f1")]
    assert _verdict(*faces, seating=LEFT_RIGHT)[0] is Verdict.GOOD


def test_a_seat_that_stays_empty_is_told() -> None:
    faces = [Face("f1", x=0.7), Face("f2", x=0.3, side_px=130, change=0.2)]
    choice = _choice(*faces, seating=LEFT_RIGHT)
    assert _chosen(choice) == [("right", "f1")]
    verdict, told = _verdict(*faces, seating=LEFT_RIGHT)
    assert verdict is Verdict.CARE
    assert "expects 2 respondents in each recording; found: f1 (right)" in told


def test_two_people_after_one_another_on_one_seat_are_not_two_respondents() -> None:
    faces = [
        Face("f1", x=0.3),
        Face("f2", x=0.7, at=lambda instant: instant < 12),
        Face("f3", x=0.71, at=lambda instant: instant >= 12),
    ]
    choice = _choice(*faces, seating=LEFT_RIGHT)
    assert _chosen(choice) == [("left", "f1"), ("right", "f2")]
    assert _kinds(choice) == {"f3": Kind.SEAT}
    assert [item.seat_changes != () for item in choice.respondents] == [False, True]


def test_a_seat_of_one_respondent_decides_between_two_people() -> None:
    faces = [Face("f1", x=0.25), Face("f2", x=0.75, side_px=130)]
    for seat, expected in ((Seat.LEFT, "f1"), (Seat.RIGHT, "f2")):
        choice = _choice(*faces, seating=Seating(1, (seat,), declared=True))
        assert _chosen(choice) == [(seat.value, expected)]


def test_the_summary_gives_each_respondent_a_result() -> None:
    moments = moments_of([Face("f1", x=0.3), Face("f2", x=0.7)])
    choice = choose(moments, seating=LEFT_RIGHT, picture_px=PICTURE_PX)
    summary = summarise(moments, choice, sample_rate_hz=1.0, validation=OK)
    assert [item["respondent"] for item in summary["respondents"]] == ["left", "right"]
    for item in summary["respondents"]:
        assert sum(entry["share"] for entry in item["expressions"]) == pytest.approx(1, abs=1e-5)
        assert item["segments"]
        assert item["reasons"]
    assert summary["main_face"] == "f1"
    assert summary["expected"] == {
        "respondents": 2,
        "seats": ["left", "right"],
        "declared": True,
    }


def test_without_the_picture_s_size_time_and_area_decide() -> None:
    choice = choose(moments_of([PERSON, POSTER]))
    assert _chosen(choice) == [("1", "f1")]
    assert choice.respondents[0].face.size_share is None
