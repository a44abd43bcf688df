"""Bands over whole curves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from include.statistics.bands import mean_band

CURVES = np.random.default_rng(0).beta(2, 5, (24, 40))
UNIT = (0.0, 1.0)


def test_a_band_is_wider_than_a_time_s_own_interval_and_as_wide_everywhere_in_errors() -> None:
    band = mean_band(CURVES, UNIT)
    error = CURVES.std(axis=0, ddof=1) / np.sqrt(24)
    assert band.value == pytest.approx(CURVES.mean(axis=0))
    assert band.high - band.value == pytest.approx(band.critical * error)
    assert band.value - band.low == pytest.approx(np.minimum(band.critical * error, band.value))
    assert stats.t.ppf(0.975, 23) < band.critical < stats.t.ppf(1 - 0.025 / 40, 23) * 1.3
    assert (band.n == 24).all()


def test_of_one_time_it_is_about_student_s_interval() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, (40, 1))
    band = mean_band(values, UNIT, resamples=8000)
    assert band.critical == pytest.approx(stats.t.ppf(0.975, 39), rel=0.08)


def test_times_that_go_together_need_less_than_times_that_do_not() -> None:
    alike = np.repeat(CURVES[:, :1], 40, axis=1)
    assert mean_band(alike, UNIT).critical < mean_band(CURVES, UNIT).critical - 0.3


def test_where_nobody_shows_anything_chance_leaves_room() -> None:
    curves = CURVES.copy()
    curves[:, 3], curves[:, 4], curves[:, 5] = 0.0, 1.0, 0.3
    band = mean_band(curves, UNIT)
    assert (band.low[3], band.high[4]) == (0.0, 1.0)
    tail = stats.t.sf(band.critical, 23)
    assert band.high[3] == pytest.approx(stats.binomtest(0, 24).proportion_ci(1 - 2 * tail).high)
    assert 1 - band.low[4] == pytest.approx(band.high[3])
    assert np.isnan(band.low[5])
    silent = mean_band(np.zeros((10, 3)), UNIT)
    assert silent.high == pytest.approx(stats.binomtest(0, 10).proportion_ci().high)
    assert np.isnan(silent.critical)


def test_who_is_not_seen_does_not_count_then() -> None:
    curves = CURVES.copy()
    curves[:20, 7] = np.nan
    curves[:, 8] = np.nan
    curves[2:, 9] = np.nan
    band = mean_band(curves, UNIT)
    assert band.n[[6, 7, 8, 9]].tolist() == [24, 4, 0, 2]
    assert band.value[7] == pytest.approx(curves[20:, 7].mean())
    assert np.isfinite(band.low[7])
    assert np.isnan(band.value[8])
    assert np.isnan(band.low[[8, 9]]).all()


def test_the_unit_of_a_figure_does_not_matter() -> None:
    one, other = mean_band(CURVES, UNIT), mean_band(CURVES * 1000 + 7, (7.0, 1007.0))
    assert other.critical == pytest.approx(one.critical)
    assert other.high == pytest.approx(one.high * 1000 + 7)


def test_same_curves_and_seed_same_band() -> None:
    one, other = mean_band(CURVES, UNIT, seed=4), mean_band(CURVES, UNIT, seed=4)
    assert np.array_equal(one.low, other.low)
    assert one.critical != mean_band(CURVES, UNIT, seed=5).critical


def test_whole_curves_of_a_person_are_drawn_so_that_the_band_holds() -> None:
    """A person's level shifts the whole curve: forty trials, the true curve is held."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        curves = 0.5 + 0.1 * rng.normal(size=(12, 1)) + 0.05 * rng.normal(size=(12, 20))
        band = mean_band(curves, UNIT, resamples=400)
        held += bool(((band.low <= 0.5) & (band.high >= 0.5)).all())
    assert held >= 34
