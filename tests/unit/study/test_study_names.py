"""Files beside recordings, by their names: read, to be corrected, or nothing of ours."""

from __future__ import annotations

import pytest

from include.contracts.study_names import Role, how_to_correct, right_name, role


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Study.yaml",
            "STUDY.YAML",
            "study.yml.txt",
            "study.yaml.txt",
            "Study.yml",
            "study .yaml",
        ),
        *("study (1).yaml", "study - Kopie.yaml", "Copy of study.yaml", "study-final.yml"),
        *("study.json", "study.docx", "study.txt", "study", "study.yaml.bak", "study.yaml.part"),
        *("my study.yaml", "purpose.yaml", "ｓtudy.yaml", "study_v2.txt", "Studie.yaml"),
    ],
)
def test_what_is_meant_as_a_study_file(name: str) -> None:
    assert role(f"spot/{name}") is Role.TO_CORRECT
    assert right_name(name) == "study.yaml"
    assert "incoming/spot/study.yaml" in how_to_correct(f"incoming/spot/{name}", f"spot/{name}")


@pytest.mark.parametrize(
    "name",
    [
        *("Respondents.CSV", "respondents.csv.txt", "respondents.xlsx", "respondents (1).csv"),
        *("respondents 2.csv", "Respondents - Copy.csv", "respondents.ods", "respondants.csv"),
        *(
            "respondent.csv",
            "participants.csv",
            "Teilnehmer.xlsx",
            "respondents",
            "respondents.tsv",
        ),
        *("spot_respondents_final.csv", "respondents.csv.crdownload", "respondents.numbers"),
    ],
)
def test_what_is_meant_as_a_table_of_respondents(name: str) -> None:
    assert role(f"spot/{name}") is Role.TO_CORRECT
    assert right_name(name) == "respondents.csv"
    assert "incoming/spot/respondents.csv" in how_to_correct(
        f"incoming/spot/{name}", f"spot/{name}"
    )


@pytest.mark.parametrize("name", ["study.yaml", "study.yml", "respondents.csv"])
def test_rightly_named_files_count_in_their_place_only(name: str) -> None:
    assert role(f"spot/{name}") is Role.STUDY_FILE
    assert role(name) is Role.STUDY_FILE
    assert role(f"spot/day 1/{name}") is Role.TO_CORRECT
    assert f"to incoming/spot/{name} " in how_to_correct(
        f"incoming/spot/day 1/{name}", f"spot/day 1/{name}"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("r01.mp4", "study.mp4", "study 1.mov", "case study.webm", "respondents.mp4", "take 1.5"),
        *("respondent_12.webm", "respondent 12", "respondent_12.csv", "understudy.mkv", "video"),
        *("studies.txt", "stimulus.csv", "STUDY.MP4", "日本語.mp4", "100%.mp4"),
    ],
)
def test_recordings_stay_recordings(name: str) -> None:
    """A table or text that is none of ours is refused as a recording, with its reason."""
    assert role(f"spot/{name}") is Role.RECORDING


@pytest.mark.parametrize(
    "path",
    [
        *(".DS_Store", "._x.mp4", "._study.yaml", "Thumbs.db", "desktop.ini", "DESKTOP.INI"),
        *("~$respondents.xlsx", ".~lock.respondents.csv#", "study.yaml~", "x.mp4.part", ""),
        *("__MACOSX/study.yaml", "@eaDir/r01.mp4/x.jpg", ".Trash/r01.mp4"),
    ],
)
def test_what_systems_leave_is_neither(path: str) -> None:
    assert role(f"spot/{path}") is Role.NOTHING
