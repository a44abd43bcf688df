"""Typed names find the recordings that are meant, and never one that may be another."""

from __future__ import annotations

import unicodedata

import pytest

from include.study.naming import KnownNames

STUDY = "Frühling 2"
NAMES = ("Jörg Ä1.mp4", "r02.MOV", "day 1/r03.webm", "take 1.5.mkv", "it's ﬁne.mp4", "noending")


def _nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (_nfd("Jörg Ä1.mp4"), "Jörg Ä1.mp4"),
        ("jÖRG ä1.MP4", "Jörg Ä1.mp4"),
        (_nfd("jörg ä1"), "Jörg Ä1.mp4"),
        ("  'Jörg Ä1.mp4' ", "Jörg Ä1.mp4"),
        ("„Jörg Ä1.mp4“", "Jörg Ä1.mp4"),
        ("Jörg\N{NO-BREAK SPACE}Ä1.mp4", "Jörg Ä1.mp4"),
        ("\ufeffJörg  Ä1\N{ZERO WIDTH SPACE}.mp4", "Jörg Ä1.mp4"),
        ("r02", "r02.MOV"),
        ("\uff52\uff10\uff12.mov", "r02.MOV"),  # full width
        ("./r02.mov", "r02.MOV"),
        (".\\R02.MOV", "r02.MOV"),
        ("day 1\\r03.webm", "day 1/r03.webm"),
        ("/day 1//./R03", "day 1/r03.webm"),
        ("frühling 2/r02.mov", "r02.MOV"),
        (_nfd("incoming/Frühling 2/r02"), "r02.MOV"),
        ("s3://bucket/lake/incoming/Frühling 2/day 1/r03.webm", "day 1/r03.webm"),
        ("D:\\lake\\incoming\\Frühling 2\\r02.MOV", "r02.MOV"),
        ("take 1.5", "take 1.5.mkv"),
        ("it\N{RIGHT SINGLE QUOTATION MARK}s fine", "it's ﬁne.mp4"),
        ("noending", "noending"),
    ],
)
def test_a_name_as_people_type_it_finds_its_recording(typed: str, meant: str) -> None:
    found = KnownNames(NAMES, folder=STUDY).match(typed)
    assert found.found == meant
    assert found.candidates == (meant,)
    assert found.problem is None


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize(
    "name", ["Ångström Žluťoučký.mp4", "가나다.mov", "straße ΣΊΣΥΦΟΣ.mp4", "İ.mp4"]
)
def test_every_unicode_form_and_case_of_a_name_is_the_name(name: str, form: str) -> None:
    for stored in (name, _nfd(name)):
        for typed in (name, name.upper(), name.lower(), name.removesuffix(".mp4")):
            typed_form = unicodedata.normalize(form, typed)  # type: ignore[arg-type]
            assert KnownNames([stored, "other.mp4"]).match(typed_form).found == stored


@pytest.mark.parametrize(
    ("typed", "names", "candidates"),
    [
        ("r01", ("r01.mov", "r01.mp4", "r02.mp4"), ("r01.mov", "r01.mp4")),
        ("a.MP4", ("A.mp4", "a.mp4"), ("A.mp4", "a.mp4")),
        ("ä.mp4 ", ("ä.mp4", _nfd("ä.mp4")), tuple(sorted(("ä.mp4", _nfd("ä.mp4"))))),
        # One lies in a folder that is named as the study is.
        (".\\S\\r.mp4", ("S/r.mp4", "r.mp4"), ("S/r.mp4", "r.mp4")),
    ],
)
def test_what_may_be_several_is_none_of_them(
    typed: str, names: tuple[str, ...], candidates: tuple[str, ...]
) -> None:
    found = KnownNames(names, folder="S").match(typed)
    assert (found.found, found.ambiguous, found.candidates) == (None, True, candidates)
    assert found.problem == (
        f"{typed!r} may be {candidates[0]!r} or {candidates[1]!r}: write the whole name"
    )


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("A.mp4", ("A.mp4", "a.mp4")),
        ("r01", ("r01", "r01.mp4")),
        (_nfd("ä.mp4"), ("ä.mp4", _nfd("ä.mp4"))),
        (" r.mp4", ("r.mp4", " r.mp4")),
    ],
)
def test_the_very_name_wins(typed: str, names: tuple[str, ...]) -> None:
    assert KnownNames(names).match(typed).found == typed


def test_a_stricter_likeness_wins_over_a_looser_one() -> None:
    assert KnownNames(["r01.mp4", "r01.mp4.mov"]).match("R01.MP4").found == "r01.mp4"
    assert KnownNames(["ä.mp4", "Ä.mp4"]).match(_nfd("ä.mp4")).found == "ä.mp4"


@pytest.mark.parametrize(
    "typed",
    [
        "r02.mp4",  # another ending
        "r03.webm",  # its folder is missing: another may come
        "day 2/r03.webm",
        "r2.mov",
        "other study/r02.MOV",
        "incoming/other/r02.MOV",
        "../r02.MOV",
        "Frühling 2/\u2100/r02.MOV",  # "a/c" in one character
        "take 1",  # ".5" is no ending
        "",
        '""',
        "Frühling 2/",
        "NFKC",
    ],
)
def test_another_name_is_not_guessed(typed: str) -> None:
    found = KnownNames(NAMES, folder=STUDY).match(typed)
    assert (found.found, found.candidates, found.ambiguous) == (None, (), False)
    assert f"{typed!r} matches nothing" in str(found.problem)


def test_the_nearest_names_are_offered() -> None:
    names = KnownNames([f"person {number:02d}.mp4" for number in range(50)])
    found = names.match("Persn 17.mp4")
    assert found.nearest[0] == "person 17.mp4"
    assert len(found.nearest) == 3
    assert str(found.problem).startswith("'Persn 17.mp4' matches nothing; the nearest: 'person 17")
    assert names.match("Persn 17.mp4", nearest_n=0).nearest == ()
    assert names.match("zzz").problem == "'zzz' matches nothing"


def test_studies_have_no_endings() -> None:
    studies = KnownNames(["Spot.tv", "Spot ä"], endings=False)
    assert studies.match("Spot").found is None
    assert studies.match(_nfd("spot Ä")).found == "Spot ä"
