"""Geometry of the charts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from include.contracts.labels import EXPRESSIONS
from include.insights.charts import (
    MAX_STEPS,
    clock,
    overview_chart,
    percent_of,
    presence_chart,
    step_path,
    steps,
    ticks,
    timeline_chart,
)
from include.insights.moments import NONE, Moments, State, read_moments
from tests.unit.insights.recordings import manifest, predictions


def _moments(instants: int, duration_s: float = 0.0, **kwargs: object) -> Moments:
    table = predictions(manifest(instants, **kwargs))  # type: ignore[arg-type]
    return read_moments(table, sample_rate_hz=1.0, duration_s=duration_s)


@pytest.mark.parametrize(
    ("end_s", "expected"),
    [
        (3.1, [0, 0.5, 1, 1.5, 2, 2.5, 3]),
        (20, [0, 5, 10, 15, 20]),
        (60, [0, 10, 20, 30, 40, 50, 60]),
        (7200, [0, 1800, 3600, 5400, 7200]),
    ],
)
def test_ticks_are_round(end_s: float, expected: list[float]) -> None:
    assert ticks(end_s) == expected


@pytest.mark.parametrize("end_s", [0.001, 0.04, 1, 59, 3601, 14_400, 86_400, 400_000])
def test_ticks_are_few_and_inside(end_s: float) -> None:
    found = ticks(end_s)
    assert 1 <= len(found) <= 8
    assert found[0] == 0
    assert found[-1] <= end_s


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0, "0:00"), (7.25, "0:07.2"), (59.97, "1:00"), (750, "12:30"), (3900.4, "1:05:00")],
)
def test_clock(time_s: float, text: str) -> None:
    assert clock(time_s) == text


def test_positions_are_clamped_percentages() -> None:
    assert percent_of(5, 20) == 25
    assert percent_of(30, 20) == 100
    assert percent_of(-1, 20) == 0


def test_step_path_holds_values_and_leaves_holes() -> None:
    start = np.array([0.0, 1.0, 2.0, 3.0])
    values = np.array([0.5, 1.0, np.nan, 0.25])
    path = step_path(start, start + 1, values, 4.0)
    assert path == "M0 100V50H250V0H500V100ZM750 100V75H1000V100Z"
    assert step_path(start, start + 1, np.full(4, np.nan), 4.0) == ""


def test_step_path_is_broken_where_time_is_missing() -> None:
    start = np.array([0.0, 3.0])
    path = step_path(start, start + 1, np.array([1.0, 1.0]), 4.0)
    assert path == "M0 100V0H250V100ZM750 100V0H1000V100Z"


def test_short_recordings_are_not_thinned() -> None:
    moments = _moments(20)
    series = steps(moments, moments.tracks[0])
    assert series.instants_per_step == 1
    assert series.start_s.tolist() == list(range(20))
    np.testing.assert_allclose(series.mean, moments.tracks[0].probabilities)


def test_thinning_keeps_means_and_peaks() -> None:
    moments = _moments(1000, reasons=dict.fromkeys(range(500, 530), "no_face"))
    track = moments.tracks[0]
    series = steps(moments, track, max_steps=100)
    assert (len(series.start_s), series.instants_per_step) == (100, 10)
    part = track.probabilities[40:50]
    np.testing.assert_allclose(series.mean[4], part.mean(axis=0))
    np.testing.assert_allclose(series.highest[4], part.max(axis=0))
    assert series.state[51] == State.NO_FACE
    assert series.emotion[51] == NONE
    assert np.isnan(series.mean[51]).all()
    assert series.end_s[-1] == 1000


def test_two_hours_stay_small() -> None:
    moments = _moments(7200, 7200.0)
    chart = timeline_chart(moments, moments.tracks[0])
    assert len(steps(moments, moments.tracks[0]).start_s) <= MAX_STEPS
    assert len(chart) < 400_000


def test_stretches_tile_the_time_line() -> None:
    moments = _moments(40, 40.0, reasons={7: "no_face", 8: "no_face", 20: "gap"})
    root = ET.fromstring(timeline_chart(moments, moments.tracks[0]))
    stretches = [
        (float(rect.get("x", "").rstrip("%")), float(rect.get("width", "").rstrip("%")))
        for rect in root.iter("rect")
        if "stretch" in rect.get("class", "")
    ]
    edge = 0.0
    for x, width in stretches:
        assert x == pytest.approx(edge, abs=0.01)
        edge = x + width
    assert edge == pytest.approx(100, abs=0.01)


def test_drawings_are_named_for_people_who_do_not_see_them() -> None:
    moments = _moments(10)
    none = _moments(10, faces=0)
    track = moments.tracks[0]
    for chart in (
        timeline_chart(moments, track),
        presence_chart(moments, track, "face-0"),
        overview_chart(none),
    ):
        root = ET.fromstring(chart)
        assert root.get("role") == "img"
        title, description = root.find("title"), root.find("desc")
        assert title is not None
        assert description is not None
        assert title.text
        assert description.text
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_every_lane_is_named() -> None:
    moments = _moments(10)
    chart = timeline_chart(moments, moments.tracks[0])
    lanes = re.findall(r'<text class="lane"[^>]*>([a-z]+)</text>', chart)
    assert tuple(lanes) == EXPRESSIONS


def test_a_hostile_face_id_is_escaped() -> None:
    table = predictions(manifest(3))
    index = table.schema.get_field_index("face_id")
    hostile = table.set_column(index, "face_id", [["<x onload=y>"] * 3])
    moments = read_moments(hostile, sample_rate_hz=1.0, duration_s=3.0)
    assert "<x" not in timeline_chart(moments, moments.tracks[0])
