"""Who is seen in which recording: read whole, every bad line named."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.contracts.errors import PermanentInputError
from include.lake.store import Lake
from include.pipeline.study_files import read_respondents
from include.settings import StorageSettings
from include.study.respondents_table import parse_respondents


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
