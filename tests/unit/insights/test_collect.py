"""Joining answers to the manifest: nothing lost, nothing twice, nothing made up."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.contracts.answers import ANSWER
from include.contracts.documents import DocumentError
from include.contracts.errors import PlatformError, TransientError
from include.contracts.labels import EXPRESSIONS
from include.contracts.rows import PREDICTIONS
from include.insights.collect import ReconciliationError, collect
from tests.unit.insights.recordings import THRESHOLD, answers, manifest

TABLE = manifest(
    20, faces=lambda instant: 1 + instant % 2, reasons={3: "no_face", 5: "gap", 9: "face_blurred"}
)


def _answers() -> list[dict[str, Any]]:
    return [dict(answer) for answer in answers(TABLE)]


def _collect(given: list[dict[str, Any]], threshold: float = THRESHOLD) -> pa.Table:
    return collect(
        TABLE,
        (ANSWER.read(json.dumps(answer), "answer") for answer in given),
        abstain_threshold=threshold,
    )


def test_every_row_comes_out_once_in_order() -> None:
    result = _collect(list(reversed(_answers())))
    assert result.schema.equals(PREDICTIONS)
    assert result["row_id"].to_pylist() == TABLE["row_id"].to_pylist()
    for name in ("instant", "target_s", "pts_s", "scene", "face_id", "box_x_px", "yaw_deg"):
        assert result[name].to_pylist() == TABLE[name].to_pylist()


def test_a_row_has_an_expression_exactly_when_it_has_no_reason() -> None:
    result = _collect(_answers())
    assert pc.is_null(result["emotion"]).to_pylist() == pc.is_valid(result["reason"]).to_pylist()
    by_instant = dict(zip(result["row_id"].to_pylist(), result["reason"].to_pylist(), strict=True))
    assert by_instant["0000003-00"] == "no_face"
    assert by_instant["0000005-00"] == "gap"
    assert by_instant["0000009-00"] == "face_blurred"
    assert by_instant["0000009-01"] is None


def test_probabilities_are_joined_by_name_not_by_position() -> None:
    shuffled = []
    for answer in _answers():
        names = sorted(answer["probabilities"], reverse=True)
        shuffled.append(
            {**answer, "probabilities": {name: answer["probabilities"][name] for name in names}}
        )
    assert _collect(shuffled).equals(_collect(_answers()))
    row = _collect(_answers()).to_pylist()[0]
    assert row["emotion"] == max(EXPRESSIONS, key=lambda label: row[f"p_{label}"])
    assert row["confidence"] == row[f"p_{row['emotion']}"]
    assert sum(row[f"p_{label}"] for label in EXPRESSIONS) == pytest.approx(1, abs=1e-5)


def test_under_the_threshold_the_expression_goes_and_the_probabilities_stay() -> None:
    result = _collect(_answers(), threshold=0.7).to_pylist()
    abstained = [row for row in result if row["reason"] == "low_confidence"]
    assert abstained
    for row in abstained:
        assert row["emotion"] is None
        assert row["confidence"] < 0.7
        assert sum(row[f"p_{label}"] for label in EXPRESSIONS) == pytest.approx(1, abs=1e-5)
    assert all(row["confidence"] >= 0.7 for row in result if row["emotion"])


def test_confidence_at_the_threshold_is_enough() -> None:
    given = _answers()
    edge = given[0]["confidence"]
    assert _collect(given, threshold=edge).to_pylist()[0]["emotion"] == given[0]["emotion"]


def test_an_answer_with_an_error_is_an_unreadable_crop() -> None:
    given = _answers()
    given[0] = {"row_id": given[0]["row_id"], "error": "cannot identify image"}
    row = _collect(given).to_pylist()[0]
    assert (row["reason"], row["emotion"], row["confidence"]) == ("unreadable_frame", None, None)


def test_missing_answers_are_counted() -> None:
    with pytest.raises(ReconciliationError, match=r"^4 of \d+ face crops have no answer: '0000000"):
        _collect(_answers()[4:])
    assert issubclass(ReconciliationError, TransientError)
    assert issubclass(ReconciliationError, PlatformError)


def _changed(**values: Any) -> list[dict[str, Any]]:
    given = _answers()
    given[0] = {**given[0], **values}
    return given


def _mixed_up() -> list[dict[str, Any]]:
    given = _answers()
    other = next(name for name in EXPRESSIONS if name != given[0]["emotion"])
    given[0] = {**given[0], "emotion": other}
    return given


P = dict.fromkeys(EXPRESSIONS, 1 / 7)

WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "answer twice": ([*_answers(), _answers()[0]], "1 answers repeat a row"),
    "answer for nobody": ([*_answers(), {"row_id": "9999999-00"}], "1 answers name rows"),
    "answer for a row without a crop": (
        [*_answers(), {"row_id": "0000009-00", "error": "x"}],
        "rows that have no crop",
    ),
    "answer without a row id": ([*_answers(), {"error": "x"}], "rows that have no crop"),
    "label missing": (_changed(probabilities={"anger": 1.0}), "one probability per expression"),
    "label of another model": (
        _changed(probabilities={**P, "contempt": 0.0}),
        "one probability per expression",
    ),
    "sum is not one": (_changed(probabilities={**P, "fear": 0.4}), "sum to 1"),
    "not a number": (_changed(probabilities={**P, "fear": float("nan")}), "sum to 1"),
    "negative": (_changed(probabilities={**P, "fear": -1 / 7, "anger": 3 / 7}), "sum to 1"),
    "no probabilities": (_changed(probabilities=None), "one probability per expression"),
    "name is not the most probable": (_mixed_up(), "one probability per expression"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_errors(name: str) -> None:
    given, sentence = WRONG[name]
    with pytest.raises(ReconciliationError, match=sentence):
        _collect(given)


def test_an_answer_of_another_shape_is_named() -> None:
    with pytest.raises(DocumentError, match=r"^answer: .*number.*fear|^answer: .*probabilities"):
        _collect(_changed(probabilities={**P, "fear": "high"}))


def test_a_recording_without_a_face_needs_no_answers() -> None:
    result = collect(manifest(5, faces=0), [], abstain_threshold=THRESHOLD)
    assert result["reason"].to_pylist() == ["no_face"] * 5
    assert collect(manifest(0), [], abstain_threshold=THRESHOLD).num_rows == 0
