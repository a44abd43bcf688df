"""A recording with several respondents before and after: each is compared."""

from __future__ import annotations

import json
from dataclasses import replace

from include.contracts.seating import Seat, Seating
from include.contracts.summary import RECORDING_SUMMARY
from include.contracts.validation import ValidationResult
from include.insights.change import Analysed, recording_changes
from include.insights.change_report import Asked, ChangeReport, change_page, curve_key
from include.insights.change_study import study_changes
from include.insights.respondent import choose
from include.insights.summary import summarise
from tests.unit.insights.changes import Top, surprised
from tests.unit.insights.company import PICTURE_PX, Face, manifest_of
from tests.unit.insights.recordings import context, predictions, story


def _analysed(version: str, top: Top) -> Analysed:
    table = predictions(manifest_of([Face("f1", x=0.7), Face("f2", x=0.3)], 60), top=top)
    moments = context(60.0).moments(table)
    seating = Seating(2, (Seat.LEFT, Seat.RIGHT), declared=True)
    summary = {
        "recording": "pair.mp4",
        "study": "spring",
        "model": {"version": version},
        **summarise(
            moments,
            choose(moments, seating=seating, picture_px=PICTURE_PX),
            sample_rate_hz=1.0,
            validation=ValidationResult("0" * 32, "ok"),
        ),
    }
    kept = RECORDING_SUMMARY.read(json.dumps(summary), "summary.json")
    return Analysed(f"published/pair/{version}", table, kept)


def test_each_respondent_has_an_entry_and_the_recording_counts_once() -> None:
    changes = recording_changes(
        _analysed("3", story), _analysed("4", surprised), respondent="p", in_front=True
    )
    assert [(item.label, item.main_face) for item in changes] == [("left", "f2"), ("right", "f1")]
    assert len({item.respondent for item in changes} | {"p"}) == 3
    assert all(item.change.faces == 60 for item in changes)
    assert len({curve_key(item) for item in changes}) == 2
    [study] = study_changes(changes, {})
    assert (study.recordings, study.respondents) == (1, 2)
    report = ChangeReport(
        batch_id="b",
        model={"name": "m", "version": "4", "sha256": "c" * 64},
        request=Asked("r", "spring", None, None, model="4", make_current=True),
        generated_at="2026-11-16T05:00:00+00:00",
        studies=(study,),
        recordings=tuple(changes),
        left_out=(),
        unfinished=(),
        remaining=(),
        same_model=0,
        notes=(),
    )
    html = change_page(report, {}).decode()
    assert "spring, left" in html
    assert "spring, right" in html
    assert "New for" not in html


def test_a_summary_of_an_earlier_version_has_no_respondents() -> None:
    before, after = _analysed("3", story), _analysed("4", surprised)
    earlier = replace(before.summary, respondents=())
    changes = recording_changes(
        Analysed(before.prefix, before.table.drop_columns("respondent"), earlier),
        after,
        respondent="p",
        in_front=False,
    )
    assert [item.main_face for item in changes] == ["f2", "f1"]
    assert all(None not in pair for item in changes for pair in item.shares.values())
