"""What differs between two analyses of the same crops, and the text a person reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from include.contracts.labels import EXPRESSIONS
from include.contracts.rows import PREDICTIONS, row_id
from include.governance.release.documents import (
    Assembled,
    Audited,
    Beside,
    Champion,
    Compared,
    Evaluation,
    Gate,
    Opened,
    Registered,
    SideBySide,
    Speed,
)
from include.governance.release.summary import approval_text
from include.insights.change import NOTHING, change_between
from include.statistics.estimate import Estimate
from ml.evaluation.standing import Standing


def _table(*shown: str | None, confidence: float = 0.7) -> pa.Table:
    """One face an instant: its expression; None abstains (towards fear), "no_face" has none."""
    rows: list[dict[str, Any]] = []
    for place, emotion in enumerate(shown):
        row: dict[str, Any] = {
            "row_id": row_id(place, 0),
            "instant": place,
            "target_s": float(place),
            "scene": 0,
        }
        if emotion == "no_face":
            rows.append({**row, "reason": "no_face"})
            continue
        rest = (1 - confidence) / 6
        row |= {
            f"p_{label}": confidence if label == (emotion or "fear") else rest
            for label in EXPRESSIONS
        }
        row |= {"confidence": confidence, "emotion": emotion}
        rows.append(row if emotion else {**row, "reason": "low_confidence"})
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def test_a_model_that_answers_alike_changes_nothing() -> None:
    table = _table("happiness", "neutral", None, "no_face")
    change = change_between(table, table)
    assert (change.faces, change.changed, change.distance) == (3, 0.0, 0.0)
    assert change.abstained == (pytest.approx(1 / 3),) * 2


def test_changed_answers_are_counted_over_the_faces() -> None:
    before = _table("happiness", "happiness", "happiness", "neutral", "no_face")
    after = _table("happiness", "neutral", None, "neutral", "no_face")
    change = change_between(before, after)
    assert change.faces == 4
    assert change.changed == 0.5
    assert change.dominant == ("happiness", "neutral")
    assert change.shares["happiness"] == (0.75, pytest.approx(1 / 3))
    assert change.abstained == (0.0, 0.25)
    assert change.distance == pytest.approx((0 + 0.65 + 0.65 + 0) / 4)


def test_a_recording_without_a_face_compares_as_nothing() -> None:
    change = change_between(_table("no_face"), _table("no_face"))
    assert (change.faces, change.dominant) == (0, (NOTHING, NOTHING))


def test_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="not of the same rows"):
        change_between(_table("fear"), _table("fear", "fear"))


def _figure(value: float) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01, 400)


def test_the_text_for_the_approval_says_what_counts_and_escapes_what_people_named() -> None:
    standing = Standing(
        model="m",
        answered=_figure(1.0),
        accuracy=_figure(0.8),
        macro_f1=_figure(0.7),
        ece=_figure(0.1),
        accuracy_less_first=_figure(0.012),
        macro_f1_less_first=_figure(-0.004),
        p_value=0.04,
    )
    compared = Compared("held out", 400, standing, standing)
    change = change_between(_table("fear", "fear"), _table("fear", "anger"))
    champion = Champion("m", "4", "c" * 64)
    text = approval_text(
        opened=Opened("r", "degraded", "evaluations/7.json", "", "ada", "2026-11-01", champion),
        assembled=Assembled(900, 100, 120, {}, {}, "d" * 64),
        evaluation=Evaluation(champion, "e" * 64, compared, [compared], Speed(1.0, 1.0)),
        audit=Audited(
            verdict="amber",
            report="file:///page.html",
            findings=["Amber: share answered neutral is 0.4 for A."],
        ),
        gates=[Gate("not_worse", True, "Little was lost.")],
        registered=Registered("m", "5", "f" * 64, "retraining/x"),
        side_by_side=SideBySide(
            "2026-11-01",
            "2026-11-08",
            [Beside("a|b<script>", "r.mp4", "f" * 32, "published/x", change)],
        ),
    )
    assert "**Version 5** of `m` may replace the champion, version 4" in text
    assert "120 of them newly labelled" in text
    assert "| held out | 400 | 80.0 % | 80.0 % | +1.2 (+0.2 to +2.2) | -0.4" in text
    assert "- passed: not worse. Little was lost." in text
    assert "- **amber**; page: `file:///page.html`\n- Amber: share answered neutral" in text
    assert "r.mp4" not in text, "Airflow keeps this text, where nobody is erased"
    assert "| a_b_script_ / ffffffffffff | 2 | 50.0 % | fear | anger |" in text
