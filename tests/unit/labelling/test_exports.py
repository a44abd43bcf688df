"""What Label Studio is given and what comes back; every bad line is named."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from include.contracts.errors import PermanentInputError
from include.labelling.exports import read_answers
from include.labelling.selection import Instant, Selected, Stratum
from include.labelling.tasks import (
    labelling_configuration,
    tasks,
    tasks_bytes,
    template_bytes,
)
from include.labelling.votes import (
    ANSWERS,
    counts,
    extraction_of,
    lake_row_id,
    pseudonym,
    row_in_extraction,
)
from ml.data.records import VOTE_NAMES

ROW = lake_row_id("e1", "0000003-00")
ASKED = {ROW, lake_row_id("e1", "0000004-00")}


def annotation(label: str, person: object, **more: Any) -> dict[str, Any]:
    """As https://labelstud.io/guide/task_format shows one."""
    region = {
        "id": "Dx_aB91ISN",
        "from_name": "displayed_expression",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
    }
    return {
        "id": 1001,
        "completed_by": person,
        "result": [region],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-11-02T10:00:00.728353Z",
        "updated_at": "2026-11-02T10:00:00.728378Z",
        "lead_time": 4.288,
    } | more


def export(*annotations: dict[str, Any], row_id: str = ROW) -> bytes:
    data = {"image": f"s3://bucket/crops/{row_id}.jpg", "row_id": row_id}
    return json.dumps([{"id": 1, "data": data, "annotations": list(annotations)}]).encode()


def refusal(name: str, content: bytes) -> str:
    with pytest.raises(PermanentInputError) as caught:
        read_answers(name, content, asked=ASKED)
    assert caught.value.code == "bad_label_file"
    assert caught.value.remedy
    return caught.value.sentence


def test_answers_are_those_training_reads() -> None:
    assert ANSWERS == VOTE_NAMES


def test_configuration_asks_one_question_with_every_answer() -> None:
    choices = ET.fromstring(labelling_configuration()).find("Choices")
    assert choices is not None
    assert choices.get("choice") == "single-radio"
    assert tuple(choice.get("alias") for choice in choices) == ANSWERS
    assert len({choice.get("hotkey") for choice in choices}) == len(ANSWERS)
    assert "feel" in labelling_configuration()


def test_a_task_tells_the_annotator_nothing_but_the_picture() -> None:
    seen = Instant(ROW, "secret-study", "r.mp4", "anna", "f1", (0.9, *[0.1 / 6] * 6))
    chosen = [Selected(seen, Stratum.UNCERTAINTY, 0.25)]
    found = tasks(chosen, pictures="s3://bucket/crops", queue_id="q1")
    assert found == [
        {
            "data": {"image": f"s3://bucket/crops/{ROW}.jpg", "row_id": ROW},
            "meta": {"queue": "q1"},
        }
    ]
    written = tasks_bytes(chosen, pictures="s3://bucket/crops", queue_id="q1").decode()
    assert not any(word in written for word in ("secret", "anna", "uncert", "0.25", "predictions"))


def test_several_annotators_become_soft_labels() -> None:
    content = export(
        annotation("fear", {"id": 7, "email": "Anna@x.org"}),
        annotation("surprise", 8),
        annotation("fear", 9),
    )
    reading = read_answers("a.json", content, asked=ASKED)
    assert counts(reading.votes)[ROW][ANSWERS.index("fear")] == 2
    assert counts(reading.votes)[ROW].sum() == 3
    assert "x.org" not in repr(reading)


def test_the_latest_answer_of_a_person_counts() -> None:
    content = export(
        annotation("fear", 8, updated_at="2026-11-03T10:00:00Z"),
        annotation("anger", 8, updated_at="2026-11-02T10:00:00+00:00"),
    )
    reading = read_answers("a.json", content, asked=ASKED)
    assert [vote.label for vote in reading.votes] == ["fear"]
    assert reading.superseded == 1


def test_cancelled_and_empty_answers_are_ignored() -> None:
    content = export(annotation("fear", 8, was_cancelled=True), annotation("fear", 9, result=[]))
    reading = read_answers("a.json", content, asked=ASKED)
    assert (reading.votes, reading.ignored) == ((), 2)


def test_both_forms_of_an_export_name_a_person_alike() -> None:
    flat = {
        "image": f"/data/local-files/?d=crops/{ROW}.jpg",
        "id": 1,
        "displayed_expression": "fear",
        "annotator": "anna@x.org",
        "annotation_id": 1001,
        "created_at": "2026-11-02T10:00:00.728353Z",
        "updated_at": "2026-11-02T10:00:00.728378Z",
        "lead_time": 4.288,
    }
    short = read_answers("a.json", json.dumps([flat]).encode(), asked=ASKED)
    full = export(annotation("fear", {"id": 7, "email": "Anna@x.org"}))
    assert short.votes == read_answers("a.json", full, asked=ASKED).votes
    assert pseudonym("anna@x.org", key=b"k") != pseudonym("anna@x.org")


def test_rows_nobody_asked_about_are_reported() -> None:
    reading = read_answers("a.json", export(annotation("fear", 8), row_id="other"), asked=ASKED)
    assert (reading.votes, reading.unknown_rows) == ((), ("other",))


def test_plain_csv() -> None:
    content = (
        "\ufeffrow_id,annotator,label,note\r\n"
        f"{ROW},anna,fear,sure\r\n\r\n{ROW},ben,unknown,\r\n{ROW},anna,anger,\r\n"
    )
    reading = read_answers("a.csv", content.encode(), asked=ASKED)
    assert sorted(vote.label for vote in reading.votes) == ["anger", "unknown"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{ROW},anna,joy", "line 3: has the unknown label 'joy'"),
        (f"{ROW},,fear", "line 3: has no annotator"),
        (f"{ROW},anna", "line 3: has 2 cells, the header 3"),
        (f'"{ROW},anna,fear', "line 3: is not CSV"),
    ],
)
def test_a_bad_line_is_named(line: str, said: str) -> None:
    content = f"row_id,annotator,label\n{ROW},anna,fear\n{line}\n"
    assert f"a.csv, {said}" in refusal("a.csv", content.encode())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "line 1: is missing: the file is empty"),
        ("a.csv", b"row_id,annotator,label\n\xff", "is not UTF-8"),
        ("a.xlsx", b"", "is neither .json nor .csv"),
        ("a.json", b'[\n{"a": }]', "line 2: is not JSON"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.json", b"{}", "is not a list of tasks"),
        ("a.json", b"[{}, 3]", "element 1: has neither"),
        ("a.json", export(annotation("joy", 8)), "element 1, annotation 1: has the unknown label"),
        ("a.json", export(annotation("fear", None)), "does not say who answered"),
        (
            "a.json",
            export(annotation("fear", 8, result=[{"from_name": "tag"}])),
            "is from another project",
        ),
        ("a.json", export(annotation("fear", 8, updated_at="soon")), "unreadable time 'soon'"),
    ],
)
def test_a_bad_file_is_named(name: str, content: bytes, said: str) -> None:
    sentence = refusal(name, content)
    assert said in sentence
    assert sentence.startswith(f"{name}, ")


def test_the_template_comes_back_half_filled_in() -> None:
    chosen = [
        Selected(Instant(row, "s", "r", "p", "f1", (1 / 7,) * 7), Stratum.RANDOM, 0.5)
        for row in sorted(ASKED)
    ]
    lines = template_bytes(chosen, folder="pictures").decode().splitlines()
    assert lines[1] == f"{ROW},pictures/{ROW}.jpg,,,"
    lines[1] = f"{ROW},pictures/{ROW}.jpg,anna@x.org,fear,2026-11-02T10:00:00Z"
    reading = read_answers("answers.csv", "\n".join(lines).encode(), asked=ASKED)
    assert [(vote.row_id, vote.label) for vote in reading.votes] == [(ROW, "fear")]
    assert reading.ignored == 1


def test_a_row_id_says_whose_it_is() -> None:
    assert extraction_of(ROW) == "e1"
    assert row_in_extraction(ROW) == "0000003-00"
    for wrong in ("", "e1", "0000003-00", "-0000003-00"):
        with pytest.raises(ValueError, match="no row"):
            extraction_of(wrong)
