"""The day's page: what it says of an open episode, of the first days, and what stays text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from math import nan

import pytest

from include.monitoring.alarm import Outcome, follow
from include.monitoring.drift import judge_day
from include.monitoring.metrics import Family
from include.monitoring.page import FAMILY_TITLES, METRIC_TITLES, PageInput, render_page
from include.monitoring.trend import BOTTOM, LEFT, RIGHT, TOP, Trend, place
from include.monitoring.watched import Sample
from tests.unit.monitoring.test_drift import LAST, QUICK, shifted, world

DAY = date(2026, 11, 19)


def dated(sample: Sample) -> Sample:
    """The same recordings, `LAST` being `DAY`."""
    return replace(sample, days=sample.days + DAY.toordinal() - LAST)


@cache
def darkened() -> PageInput:
    """A week of dark recordings, the last of which opened an episode."""
    frozen, published = world()
    published = dated(shifted(published, "darkening by 30 %"))
    report = judge_day(DAY, published=published, reference=dated(frozen), settings=QUICK)
    last = {family: report.outcome(family) for family in Family}
    outcomes = {
        family: (
            [Outcome.STABLE] * 30 + [Outcome.DRIFT, Outcome.INSUFFICIENT, last[family]]
            if last[family] is Outcome.DRIFT
            else [Outcome.STABLE] * 33
        )
        for family in Family
    }
    return PageInput(
        report=report,
        days=[DAY - timedelta(days=back) for back in reversed(range(33))],
        episodes={family: follow(outcomes[family]) for family in Family},
        published=published,
        reference=dated(frozen),
        reference_days=(date(2026, 9, 18), date(2026, 10, 15)),
        model_versions={"3": 1200, "4": 550},
    )


def first_day() -> PageInput:
    """The same week before a reference was frozen, judged for the first time."""
    given = darkened()
    nothing = given.reference.where(given.reference.days < 0)
    report = judge_day(DAY, published=given.published, reference=nothing, settings=QUICK)
    return replace(
        given,
        report=report,
        days=[DAY],
        episodes={family: follow([report.outcome(family)]) for family in Family},
        reference=nothing,
        reference_days=None,
    )


def test_an_open_episode_comes_first_and_everything_is_named() -> None:
    page = render_page(darkened()).decode()
    assert "Something has changed" in page
    assert "since 19 November; today: drift" in page
    assert "quality of the faces. What drifted stands below." in page
    measured = {entry.metric for entry in darkened().report.comparisons}
    assert len(measured) >= 8
    for title in [*FAMILY_TITLES.values(), *(METRIC_TITLES[name][0] for name in measured)]:
        assert title in page
    assert page.count('class="band"') == page.count('class="week"') == 7
    assert "3 (1200), 4 (550)" in page
    assert "Find what changed when the episode opened" in page


def test_without_a_reference_the_weeks_before_are_compared_alone() -> None:
    page = render_page(first_day()).decode()
    assert "none frozen yet" in page
    assert "there are the weeks before alone" in page
    assert 'class="band"' not in page


def test_versions_stay_text_and_nothing_is_asked() -> None:
    page = render_page(replace(darkened(), model_versions={"<script>x</script>": 1})).decode()
    assert "<script" not in page
    assert "&lt;script&gt;x" in page
    assert "default-src 'none'" in page


TREND = Trend(
    "Brightness", [100.0, 110.0, nan, 90.0, 95.0, nan, 105.0], 2, None, "1 Nov", "7 Nov", 0
)


def test_a_day_without_recordings_leaves_a_gap() -> None:
    chart = place(TREND)
    assert chart is not None
    assert [len(run) for run in chart.runs] == [2, 2]
    assert len(chart.dots) == 5
    assert chart.dots[1][1] < chart.dots[0][1] < chart.dots[2][1]
    assert chart.says == "Brightness: daily mean from 1 Nov to 7 Nov, last 105"


def test_all_of_a_chart_stands_within_it() -> None:
    chart = place(replace(TREND, band=(80.0, 120.0)))
    assert chart is not None
    assert chart.band is not None
    assert TOP < chart.band[0] < chart.band[1] < BOTTOM
    assert all(LEFT < x < RIGHT and TOP < y < BOTTOM for x, y in chart.dots)
    assert all(left[0] < right[0] for left, right in pairwise(chart.dots))
    assert (RIGHT - chart.week) / (RIGHT - LEFT) == pytest.approx(2 / 7)


def test_a_figure_that_no_recording_has_has_no_chart() -> None:
    assert place(replace(TREND, values=[nan, nan])) is None
