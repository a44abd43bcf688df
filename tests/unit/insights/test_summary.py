"""Numbers of a recording, checked against small recordings counted by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from include.contracts.labels import EXPRESSIONS
from include.contracts.reasons import RowReason
from include.contracts.validation import ValidationResult
from include.insights.evaluation import read_evaluation
from include.insights.moments import NONE, Moments, State, read_moments
from include.insights.quality import judge
from include.insights.respondent import choose
from include.insights.summary import REASON_MEANINGS, summarise
from include.insights.verdict import Verdict
from include.statistics.words import percent
from tests.unit.insights.recordings import FIGURES, manifest, predictions

OK = ValidationResult("0" * 32, "ok")


def _moments(table: pa.Table, *, rate_hz: float = 1.0, duration_s: float = 0.0) -> Moments:
    return read_moments(table, sample_rate_hz=rate_hz, duration_s=duration_s)


def _summary(table: pa.Table, *, rate_hz: float = 1.0, duration_s: float = 0.0) -> dict[str, Any]:
    moments = _moments(table, rate_hz=rate_hz, duration_s=duration_s)
    return summarise(moments, choose(moments), sample_rate_hz=rate_hz, validation=OK)


def _shares(face: dict[str, Any]) -> dict[str, float]:
    return {entry["expression"]: entry["share"] for entry in face["expressions"]}


def test_shares_are_of_readable_time() -> None:
    reasons = {0: "no_face", 1: "gap", 2: "face_blurred"}
    table = predictions(
        manifest(10, reasons=reasons),
        top=lambda instant, _: ("happiness" if instant < 7 else "fear", 0.8),
    )
    summary = _summary(table, duration_s=9.5)
    (face,) = summary["faces"]
    # Instants 3..6 stand for one second each, 7 and 8 too, 9 for half a second.
    assert face["readable_s"] == 6.5
    assert _shares(face)["happiness"] == pytest.approx(4 / 6.5, abs=1e-6)
    assert _shares(face)["fear"] == pytest.approx(2.5 / 6.5, abs=1e-6)
    assert sum(_shares(face).values()) == pytest.approx(1, abs=1e-5)
    assert [entry["expression"] for entry in face["expressions"]] == list(EXPRESSIONS)
    assert summary["instants"]["readable"] == 7
    assert summary["instants"]["excluded"] == 1
    assert summary["instants"]["no_face"] == 1
    assert summary["instants"]["no_frame"] == 1
    assert summary["instants"]["sampled"] == 10
    assert {entry["reason"]: entry["rows"] for entry in summary["exclusions"]} == {
        "no_face": 1,
        "gap": 1,
        "face_blurred": 1,
    }


def test_rows_of_all_reasons_and_readable_rows_add_up() -> None:
    table = predictions(
        manifest(60, faces=lambda instant: instant % 3, reasons={4: "face_too_dark", 50: "gap"})
    )
    summary = _summary(table)
    readable = sum(face["readable_instants"] for face in summary["faces"])
    assert readable + sum(entry["rows"] for entry in summary["exclusions"]) == table.num_rows
    states = sum(summary["instants"][state.name.lower()] for state in State)
    assert states == summary["instants"]["sampled"] == 60


def test_the_respondent_is_the_one_seen_most() -> None:
    table = predictions(manifest(30, faces=lambda instant: 2 if instant > 20 else 1))
    summary = _summary(table)
    assert summary["main_face"] == "f1"
    assert [face["face_id"] for face in summary["faces"]] == ["f1", "f2"]
    assert summary["faces"][1]["presence_share"] == 0.3
    assert summary["faces"][1]["first_s"] == 21.0


def test_an_unknown_face_is_never_the_main_one() -> None:
    table = predictions(manifest(5))
    index = table.schema.get_field_index("face_id")
    unknown = table.set_column(index, "face_id", pa.array(["unknown"] * 4 + ["f1"]))
    moments = _moments(unknown)
    choice = choose(moments)
    assert [item.face.face_id for item in choice.respondents] == ["f1"]
    assert choice.unattributed == 4
    assert [track.face_id for track in moments.tracks] == ["f1", "unknown"]
    all_unknown = table.set_column(index, "face_id", pa.array(["unknown"] * 5))
    nobody = choose(_moments(all_unknown))
    assert nobody.respondents == ()
    verdict, rules = judge(_moments(all_unknown), nobody, OK)
    assert verdict is Verdict.NOT_USABLE
    assert any("nothing is attributed" in rule.sentence for rule in rules)


def test_faces_are_ordered_by_number() -> None:
    table = predictions(manifest(2, faces=12))
    assert [track.face_id for track in _moments(table).tracks][8:] == ["f9", "f10", "f11", "f12"]


def test_segments_are_the_stretches_of_one_expression() -> None:
    table = predictions(
        manifest(8, reasons={3: "no_face"}),
        top=lambda instant, _: ("sadness" if instant < 6 else "surprise", 0.9),
    )
    segments = _summary(table)["segments"]
    assert [(s["start_s"], s["end_s"], s["expression"], s["instants"]) for s in segments] == [
        (0.0, 3.0, "sadness", 3),
        (4.0, 6.0, "sadness", 2),
        (6.0, 8.0, "surprise", 2),
    ]
    pts_s = table["pts_s"].to_pylist()
    assert segments[1]["first_pts_s"] == pts_s[4]
    assert segments[1]["last_pts_s"] == pts_s[5]


def test_time_counts_from_the_first_target_whatever_the_clock_says() -> None:
    table = predictions(manifest(6))
    shifted = table
    for name in ("target_s", "pts_s"):
        index = shifted.schema.get_field_index(name)
        values = [value + 95443.7 for value in table[name].to_pylist()]
        shifted = shifted.set_column(index, name, pa.array(values))
    here, there = _summary(table, duration_s=6), _summary(shifted, duration_s=6)
    assert there["clock_starts_at_s"] == 95443.7
    assert there["segments"][0]["start_s"] == 0.0
    assert there["segments"][0]["first_pts_s"] == shifted["pts_s"].to_pylist()[0]
    assert _shares(there["faces"][0]) == _shares(here["faces"][0])
    assert there["duration_s"] == here["duration_s"] == 6


def test_quick_changes_call_for_a_higher_rate() -> None:
    names = ("anger", "fear")
    quick = _summary(predictions(manifest(20), top=lambda k, _: (names[k % 2], 0.9)))
    calm = _summary(predictions(manifest(20)))
    assert "a higher rate would show more" in quick["sampling"]["note"]
    assert "a higher rate" not in calm["sampling"]["note"]
    assert quick["sampling"]["single_moment_stretch_share"] == 1.0


VERDICTS: dict[str, tuple[pa.Table, dict[str, Any] | None, Verdict, str]] = {
    "good": (predictions(manifest(20)), OK, Verdict.GOOD, "20 of 20"),
    "few moments": (predictions(manifest(5)), OK, Verdict.CARE, "rest on 5 moments"),
    "one moment": (predictions(manifest(1)), OK, Verdict.NOT_USABLE, "rest on 1 moment;"),
    "half without a face": (
        predictions(manifest(20, faces=lambda k: k % 2)),
        OK,
        Verdict.CARE,
        "50 %",
    ),
    "no face": (predictions(manifest(20, faces=0)), OK, Verdict.NOT_USABLE, "0 of 20"),
    "gaps": (predictions(manifest(20, reasons={4: "gap"})), OK, Verdict.CARE, "5 % of the sampled"),
    "abstained": (
        predictions(manifest(20), top=lambda k, _: ("fear", 0.3)),
        OK,
        Verdict.NOT_USABLE,
        "abstained on 100 %",
    ),
    "checks warned": (
        predictions(manifest(20)),
        ValidationResult("0" * 32, "warning", ("Too few.",)),
        Verdict.CARE,
        "Too few.",
    ),
    "checks refused": (
        predictions(manifest(20)),
        ValidationResult("0" * 32, "error", ("Broken.",)),
        Verdict.NOT_USABLE,
        "Broken.",
    ),
    "not checked": (predictions(manifest(20)), None, Verdict.CARE, "No data-quality checks"),
    "company": (predictions(manifest(20, faces=2)), OK, Verdict.CARE, "is a close choice"),
    "passer-by": (
        predictions(manifest(20, faces=lambda k: 2 if k == 4 else 1)),
        OK,
        Verdict.GOOD,
        "1 other face was found, in view up to 5 % of the time",
    ),
    "nothing at all": (predictions(manifest(0)), OK, Verdict.NOT_USABLE, "0 of 0"),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(name: str) -> None:
    table, validation, expected, words = VERDICTS[name]
    moments = _moments(table)
    verdict, rules = judge(moments, choose(moments), validation)
    assert verdict == expected
    assert any(words in rule.sentence for rule in rules)


def test_every_reason_is_explained() -> None:
    assert set(REASON_MEANINGS) == set(RowReason)


def test_a_recording_without_rows_has_a_summary() -> None:
    summary = _summary(predictions(manifest(0)))
    assert summary["faces"] == []
    assert summary["main_face"] is None
    assert summary["instants"]["sampled"] == 0


def test_higher_rates_weigh_time() -> None:
    table = predictions(manifest(40, rate_hz=4.0))
    moments = _moments(table, rate_hz=4.0, duration_s=10.0)
    assert moments.seconds.sum() == pytest.approx(10.0)
    assert set(moments.seconds.round(9)) == {0.25}


def test_emotion_without_a_row_is_none() -> None:
    (track,) = _moments(predictions(manifest(3, reasons={1: "no_face"}))).tracks
    assert track.emotion[1] == NONE
    assert track.state[1] == State.NO_FACE
    assert not track.present[1]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.004, "under 1 %"), (0.5, "50 %"), (0.996, "over 99 %"), (1, "100 %")],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_evaluation_prefers_the_untouched_set() -> None:
    validation = {"n": 10, "figures": FIGURES}
    read = read_evaluation({"validation": validation})
    assert read is not None
    assert read.weak == ("disgust", "fear")
    assert "choose the model" in read.pictures
    test = {"n": 5, "figures": {**FIGURES, "recall_fear": {"value": None}}}
    assert read_evaluation({}) is None
    better = read_evaluation({"validation": validation, "test": {**test, "figures": {}}})
    assert better is not None
    assert better.n == 5
