"""Figures, intervals and verdicts of the bias audit, on rows small enough to count by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from include.contracts.errors import ConfigurationError
from include.governance.bias.audit import audit, estimated_verdict
from include.governance.bias.clarify import clarify_metrics, clarify_report
from include.governance.bias.disparity import Status
from include.governance.bias.metrics import Panel
from include.governance.bias.record import (
    AuditedModel,
    audit_record,
    read_record,
    section_of,
    sign_off,
)
from include.governance.bias.rows import audit_rows
from include.governance.bias.settings import AuditSettings

FAST = AuditSettings(minimum_people=20, resamples=200, intersections=1)


def table(wrong_share: dict[str, float], each: int = 60) -> pd.DataFrame:
    rows = []
    for group, share in wrong_share.items():
        for number in range(each):
            wrong = number < share * each
            rows.append(
                {
                    "person_id": f"{group}{number}",
                    "gender": group,
                    "face_found": True,
                    "quality_ok": True,
                    "abstained": False,
                    "answer": "neutral" if wrong else "happiness",
                    "truth": "happiness",
                    "confidence": 0.8,
                }
            )
    return pd.DataFrame(rows)


def rows_of(frame: pd.DataFrame):
    return audit_rows(frame, attributes=["gender"], source="declared")


def value(found, metric, group):
    return next(f.result for f in found.figures if f.metric == metric and f.group == (group,))


def comparison(found, metric, group):
    return next(c for c in found.comparisons if c.metric == metric and c.group == (group,))


def test_a_planted_bias_turns_red_and_names_the_group():
    found = audit(rows_of(table({"f": 0.5, "m": 0.0})), FAST)
    accuracy = comparison(found, "accuracy", "f")
    assert (accuracy.value, accuracy.others, accuracy.ratio.value) == (0.5, 1.0, 0.5)
    assert accuracy.ratio.high < 0.8
    assert accuracy.status is Status.RED
    assert comparison(found, "accuracy", "m").status is Status.GREEN
    assert found.verdict is Status.RED


def test_equal_groups_are_green():
    found = audit(rows_of(table({"f": 0.2, "m": 0.2})), FAST)
    assert found.verdict is Status.GREEN
    assert found.panels == {"labelled": Status.GREEN, "parity": Status.GREEN}


def test_beyond_the_threshold_but_within_chance_is_amber():
    found = audit(rows_of(table({"f": 0.3, "m": 0.1}, each=30)), FAST)
    accuracy = comparison(found, "accuracy", "f")
    assert accuracy.ratio.value < 0.8 < accuracy.ratio.high
    assert accuracy.status is Status.AMBER


def test_a_face_not_found_is_an_error_and_an_abstention_is_not():
    frame = table({"f": 0.0, "m": 0.0}, each=40)
    frame.loc[:9, ["face_found", "quality_ok"]] = False
    frame.loc[:9, "answer"] = None
    frame.loc[10:19, "abstained"] = True
    frame.loc[10:19, "answer"] = None
    found = audit(rows_of(frame), FAST)
    assert value(found, "accuracy", "f").value == pytest.approx(20 / 30)
    assert value(found, "face_found_rate", "f").value == pytest.approx(30 / 40)
    assert value(found, "abstention_rate", "f").value == pytest.approx(10 / 30)


def test_small_groups_are_insufficient():
    frame = pd.concat([table({"f": 0.0, "m": 0.0}), table({"x": 1.0}, each=19)])
    found = audit(rows_of(frame), FAST)
    assert value(found, "accuracy", "x") is None
    assert not [c for c in found.comparisons if c.group == ("x",)]


def test_without_labels_there_is_no_labelled_panel():
    found = audit(rows_of(table({"f": 0.5, "m": 0.0}).assign(truth=None)), FAST)
    assert list(found.panels) == ["parity"]
    assert {figure.panel for figure in found.figures} == {"parity"}


def test_what_people_display_is_amber_at_most():
    """All women are answered neutral, all men happiness, and nobody knows who is right."""
    frame = table({"f": 1.0, "m": 0.0}).assign(truth=None)
    found = audit(rows_of(frame), FAST)
    gap = comparison(found, "prediction_rate:neutral", "f")
    assert (gap.gap.value, gap.excluded) == (1.0, True)
    assert gap.status is Status.AMBER
    assert found.verdict is Status.AMBER


def test_weights_stand_for_rows():
    """One row of weight three counts as three, and as one person all the same."""
    frame = table({"f": 0.0, "m": 0.0})
    wrong = {"person_id": "f-wrong", "answer": "neutral"}
    extra = pd.DataFrame([{**frame.iloc[0].to_dict(), **wrong}])
    weighted = rows_of(pd.concat([frame.assign(weight=1.0), extra.assign(weight=3.0)]))
    found = audit(weighted, FAST)
    assert value(found, "accuracy", "f").value == pytest.approx(60 / 63)
    figure = next(f for f in found.figures if f.metric == "accuracy" and f.group == ("f",))
    assert (figure.people, figure.rows) == (61, 61)


def test_a_panel_that_is_not_asked_for_is_not_judged():
    found = audit(rows_of(table({"f": 0.5, "m": 0.0})), FAST, panels=(Panel.LABELLED,))
    assert list(found.panels) == ["labelled"]


@pytest.mark.parametrize("shares", [{"f": 0.2, "m": 0.2}, {"f": 0.5, "m": 0.0}])
def test_the_estimated_verdict_is_green_exactly_when_the_audit_is(shares):
    rows = rows_of(table(shares))
    assert (estimated_verdict(rows, FAST) is Status.GREEN) == (
        audit(rows, FAST).verdict is Status.GREEN
    )


def test_intervals_are_clustered_by_person():
    """Ten copies of each person's row carry no more information than one."""
    once = table({"f": 0.3, "m": 0.3})
    ten = pd.concat([once] * 10)
    widths = [
        (estimate := value(audit(rows_of(frame), FAST), "accuracy", "f")).high - estimate.low
        for frame in (once, ten)
    ]
    assert widths[0] == pytest.approx(widths[1])


def test_change_knows_that_it_compares_the_same_people():
    before = rows_of(table({"f": 0.3, "m": 0.3}))
    found = audit(before, FAST, previous=before)
    change = next(f.change for f in found.figures if f.metric == "accuracy" and f.group == ("f",))
    end = stats.binomtest(0, 60).proportion_ci().high
    assert (change.value, change.low, change.high) == pytest.approx((0.0, -end, end))


def test_a_rate_that_nobody_misses_has_the_exact_interval_of_its_people():
    """Every resample of it is 1: that shows no doubt, and sixty people leave some."""
    frame = pd.concat([table({"f": 0.3, "m": 0.0})] * 3)
    found = audit(rows_of(frame), FAST)
    accuracy = value(found, "accuracy", "m")
    known = stats.binomtest(60, 60).proportion_ci()
    assert (accuracy.value, accuracy.high, accuracy.n) == (1, 1, 60)
    assert accuracy.low == pytest.approx(known.low)
    beside = comparison(found, "accuracy", "f")
    women = value(found, "accuracy", "f")
    assert beside.gap.low == pytest.approx(-0.3 - (women.value - women.low))
    assert beside.gap.high == pytest.approx(
        -0.3 + np.hypot(women.high - women.value, 1 - known.low)
    )


def test_a_group_that_never_shows_something_rare_is_not_red_for_it():
    """None of 60 against 3 of 100: the ratio is 0, and chance explains it."""
    frame = table({"f": 1.0, "m": 0.0})
    others = table({"x": 0.0}, each=100)
    frame.loc[frame.gender == "m", ["answer", "truth"]] = ["neutral", "happiness"]
    others.loc[3:, "answer"] = "neutral"
    found = audit(rows_of(pd.concat([frame[frame.gender == "m"], others])), FAST)
    recall = comparison(found, "recall:happiness", "m")
    assert (recall.value, recall.others, recall.ratio.value) == (0.0, 0.03, 0.0)
    assert recall.ratio.high > 0.8
    assert recall.p_value > 0.05
    assert recall.status is Status.AMBER


def test_clarify_counts_from_everybody_else_to_the_group():
    found = audit(rows_of(table({"f": 0.5, "m": 0.0})), FAST)
    assert clarify_metrics(comparison(found, "accuracy", "f")) == {"AD": 0.5}
    named = clarify_metrics(comparison(found, "prediction_rate:happiness", "f"))
    assert named == {"DPPL": 0.5, "DI": 0.5}


@pytest.mark.parametrize(
    ("column", "content", "message"),
    [
        ("answer", "joy", "row 1, answer: is none of"),
        ("face_found", False, "row 1, answer: is given although no face"),
        ("confidence", 1.5, "row 1, confidence: is not in"),
        ("gender", None, "row 1, gender: has no group"),
    ],
)
def test_contradictions_name_the_row(column, content, message):
    frame = table({"f": 0.0, "m": 0.0}, each=3).astype(object)
    frame.loc[0, column] = content
    with pytest.raises(ConfigurationError, match=message):
        rows_of(frame)


def test_inferred_groups_are_refused():
    with pytest.raises(ConfigurationError, match="never infer"):
        audit_rows(table({"f": 0.0}), attributes=["gender"], source="inferred")


def record_of(rows):
    return audit_record(
        [section_of("fixed_set", rows, audit(rows, FAST)), section_of("labelled", None, None)],
        FAST,
        AuditedModel("m", "7", "m" * 64),
        audited_at="2026-11-16T05:00:00+00:00",
    )


def signed(record, **changes):
    words = {
        "who": "A. Auditor",
        "when": datetime(2026, 11, 21, tzinfo=UTC),
        "decision": "accepted",
        "audit_sha256": record.sha256,
        "comment": "known and being worked on",
    }
    return sign_off(record, **{**words, **changes})


def test_record_is_repeatable_and_signed_by_hash():
    record = record_of(rows_of(table({"f": 0.5, "m": 0.0})))
    assert record == record_of(rows_of(table({"m": 0.0, "f": 0.5})))
    assert record.record.verdict is Status.RED
    content = record.content
    sha256 = record.sha256
    assert read_record("record.json", content, sha256).content == content
    with pytest.raises(ConfigurationError, match="altered"):
        read_record("record.json", content.replace(b'"red"', b'"green"'), sha256)
    assert signed(record).audit_sha256 == sha256
    with pytest.raises(ConfigurationError, match="sign again"):
        signed(record, audit_sha256="0" * 64)


def test_accepting_red_needs_a_reason():
    red = record_of(rows_of(table({"f": 0.5, "m": 0.0})))
    with pytest.raises(ConfigurationError, match="says why"):
        signed(red, comment=" ")
    green = record_of(rows_of(table({"f": 0.2, "m": 0.2})))
    assert signed(green, comment="").comment == ""


def test_the_registry_gets_clarifys_names_by_facet():
    record = record_of(rows_of(table({"f": 0.5, "m": 0.0})))
    report = clarify_report(record, report_uri="file:///r")
    facets = report["post_training_bias_metrics"]["facets"]
    (women,) = [g for g in facets["gender (fixed_set)"] if g["value_or_threshold"] == "f"]
    assert {"name": "AD", "label_value": None, "value": 0.5} in women["metrics"]
    assert report["audit"]["verdict"] == "red"
