"""Two analyses of one recording, and of a study: figures, intervals, curves, page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from include.contracts.labels import EXPRESSIONS
from include.insights.change import change_between
from include.insights.change_chart import change_chart, lanes
from include.insights.change_report import (
    CHANGES,
    Absent,
    Asked,
    ChangeReport,
    change_page,
    pair_text,
)
from include.insights.change_study import study_changes
from include.insights.charts import step_line, steps
from include.insights.moments import Moments, read_moments
from tests.unit.insights.changes import change, pair, surprised, unsure
from tests.unit.insights.recordings import manifest, predictions, story


def _moments(table: Any) -> Moments:
    return read_moments(table, sample_rate_hz=1.0, duration_s=60.0)


def test_the_same_answers_change_nothing() -> None:
    found = change("r", story)
    assert found.change.faces == 60
    assert (found.change.changed, found.change.distance) == (0.0, 0.0)
    assert found.change.dominant == ("happiness", "happiness")
    assert all(before == after for before, after in found.shares.values())


def test_a_moment_counts_as_changed_when_another_expression_is_named() -> None:
    # The story shows sadness in instants 0-7 and 40-47.
    found = change("r", surprised)
    assert found.change.changed == pytest.approx(16 / 60)
    before, after = found.shares["sadness"]
    assert before == pytest.approx(16 / 60, abs=1e-5)
    assert after == 0
    assert found.abstained == (0, 0)
    assert 0 < found.change.distance < 1


def test_setting_an_answer_aside_is_a_change_and_is_counted_apart() -> None:
    found = change("r", unsure)
    before, after = found.abstained
    assert before == 0
    assert found.change.changed == pytest.approx(after)
    assert found.change.abstained == pytest.approx((0, after))
    assert found.verdicts == ("good", "usable with care")


def test_moments_that_no_model_can_read_are_not_compared() -> None:
    reasons = {0: "no_face", 1: "face_blurred", 2: "gap"}
    assert change("r", surprised, reasons=reasons).change.faces == 57


def test_the_main_face_is_compared_and_every_face_beside_it() -> None:
    found = change("r", surprised, faces=lambda instant: 2 if instant < 30 else 1)
    assert found.main_face == "f1"
    assert (found.change.faces, found.all_faces.faces) == (60, 90)


def test_a_recording_without_a_face_has_nothing_to_compare() -> None:
    found = change("r", surprised, faces=0)
    assert found.main_face is None
    assert (found.change.faces, found.change.changed) == (0, 0.0)
    assert found.shares["sadness"] == (None, None)


def test_analyses_of_other_rows_are_refused() -> None:
    one, other = predictions(manifest(10)), predictions(manifest(11))
    with pytest.raises(ValueError, match="same rows"):
        change_between(one, other)


def test_a_study_counts_people_not_recordings() -> None:
    changes = [
        change("r1", surprised, respondent="p1"),
        change("r2", surprised, respondent="p1"),
        change("r3", story, respondent="p2"),
    ]
    [study] = study_changes(changes, {"spring-2026": frozenset({"p1"})})
    assert (study.recordings, study.respondents, study.known) == (3, 2, 1)
    assert study.changed.n == 2
    assert study.changed.value == pytest.approx((16 / 60 + 0) / 2)
    assert study.differences["sadness"].value == pytest.approx(-16 / 60 / 2, abs=1e-5)
    assert sum(item.value or 0 for item in study.differences.values()) == pytest.approx(0, abs=1e-5)


def test_curves_show_both_models_and_leave_out_what_neither_saw() -> None:
    before, after = pair("r", surprised)
    first, second = _moments(before.table), _moments(after.table)
    chart = change_chart(first, second, "f1", "c1")
    ET.fromstring(str(chart))
    shown = [
        EXPRESSIONS[index]
        for index in lanes(*(steps(moments, moments.tracks[0]) for moments in (first, second)))
    ]
    assert shown == ["happiness", "neutral", "sadness", "surprise"]
    assert len(re.findall('class="was"', chart)) == len(re.findall('class="now"', chart)) == 4
    assert len(re.findall(">sadness</text>", chart)) > 1


def test_a_line_is_interrupted_where_nothing_was_judged() -> None:
    start, end = np.arange(4.0), np.arange(1.0, 5.0)
    line = step_line(start, end, np.array([0.0, 1.0, np.nan, 0.5]), 4.0)
    assert line == "M0 100H250V0H500M750 50H1000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (pair_text((0.311, 0.44)), "31 % → 44 %"),
        (pair_text((None, 0.44)), "– → 44 %"),
        (pair_text((0.2, 0.2)), "20 %"),
    ],
)
def test_figures_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected


def _report(**changes: Any) -> ChangeReport:
    found = [change("<script>alert(1)</script>.mp4", surprised), change("r2", story)]
    values: dict[str, Any] = {
        "batch_id": "reprocess-1",
        "model": {"name": "m", "version": "4", "sha256": "ab"},
        "request": Asked("r", None, None, None, model="4", make_current=False),
        "generated_at": "2026-11-21T15:04:05+00:00",
        "studies": study_changes(found, {}),
        "recordings": tuple(found),
        "left_out": (Absent("s", "gone.mp4", "It was <b>erased</b>."),),
        "unfinished": (),
        "remaining": tuple(Absent("s", f"next{number}.mp4", "") for number in range(300)),
        "same_model": 0,
        "notes": (),
    }
    return ChangeReport(**{**values, **changes})


def test_the_page_escapes_names_loads_nothing_and_names_what_is_missing() -> None:
    page = change_page(_report(), {}).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in re.sub(r"Content-Security-Policy|http-equiv", "", page)
    assert "It was &lt;b&gt;erased&lt;/b&gt;." in page
    assert "100 more are in report.json" in page
    assert "inner state" in page


def test_a_page_without_any_comparison_is_a_page_too() -> None:
    page = change_page(_report(studies=(), recordings=(), remaining=()), {}).decode()
    assert "gone.mp4" in page
    assert "Recordings</h2>" not in page


def test_the_document_holds_every_figure() -> None:
    found = CHANGES.read(CHANGES.write(_report()), "report.json")
    assert found.recordings[0].change.changed == pytest.approx(16 / 60, abs=1e-6)
    assert found.recordings[0].shares["sadness"][1] == 0
    assert len(found.remaining) == 300
    assert found.studies[0].changed.n == 1
