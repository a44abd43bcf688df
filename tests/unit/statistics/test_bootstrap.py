from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from include.statistics.bootstrap import Bootstrap, interval


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide():
    values = np.random.default_rng(0).normal(5, 2, 2000)
    figure = Bootstrap(2000).mean(values)
    error = values.std(ddof=1) / 2000**0.5
    assert figure.value == pytest.approx(values.mean())
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_intervals_hold_the_truth_about_95_times_in_100():
    generator = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        figure = Bootstrap(120, resamples=300, seed=seed).mean(
            (generator.uniform(size=120) < 0.7).astype(float)
        )
        held += figure.low <= 0.7 <= figure.high
    assert 180 <= held <= 199


def test_a_share_of_nothing_or_everything_gets_the_exact_interval():
    bootstrap = Bootstrap(20)
    none = bootstrap.mean(np.zeros(20))
    assert none.low == 0
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 20))
    everyone = bootstrap.share(np.ones(20, bool), np.arange(20) < 10)
    assert (everyone.value, everyone.high, everyone.n) == (1, 1, 10)
    assert everyone.low == pytest.approx(stats.binomtest(10, 10).proportion_ci().low)


def test_a_share_counts_only_the_rows_among():
    hits = np.array([True, True, False, False])
    figure = Bootstrap(4).share(hits, np.array([True, False, True, False]))
    assert (figure.value, figure.n) == (0.5, 2)
    nothing = Bootstrap(4).share(hits, np.zeros(4, bool))
    assert np.isnan(nothing.value)
    assert nothing.to_json() == {"value": None, "low": None, "high": None, "n": 0}


def test_differences_of_one_bootstrap_are_paired():
    """Two answers that differ on few rows: the difference is known far better than either."""
    first = (np.random.default_rng(2).uniform(size=1000) < 0.8).astype(float)
    second = first.copy()
    second[np.flatnonzero(first)[:20]] = 0
    bootstrap = Bootstrap(1000)
    difference = bootstrap.mean(second - first)
    alone = bootstrap.mean(first)
    assert difference.value == pytest.approx(-0.02)
    assert difference.high < 0
    assert difference.high - difference.low < 0.5 * (alone.high - alone.low)


def test_weights_of_a_mean():
    figure = Bootstrap(3).mean(np.array([1.0, 5.0, 100.0]), np.array([1.0, 3.0, 0.0]))
    assert figure.value == 4


def test_resamples_are_the_same_for_the_same_seed_and_differ_otherwise():
    values = np.random.default_rng(3).normal(size=50)
    assert Bootstrap(50, seed=4).mean(values) == Bootstrap(50, seed=4).mean(values)
    assert Bootstrap(50, seed=4).mean(values) != Bootstrap(50, seed=5).mean(values)


def test_nothing_to_resample_is_refused():
    with pytest.raises(ValueError, match="no row"):
        Bootstrap(0)


def test_resamples_that_do_not_define_a_figure_are_left_out():
    figure = interval(0.5, np.array([np.nan, 0.4, 0.6, np.nan]), 7)
    assert 0.4 <= figure.low <= figure.high <= 0.6
    assert figure.n == 7


def test_two_that_agree_on_every_row_may_differ_on_others():
    right = np.random.default_rng(6).uniform(size=200) < 0.8
    same = Bootstrap(200).difference(right, right)
    end = stats.binomtest(0, 200).proportion_ci().high
    assert (same.value, same.low, same.high) == pytest.approx((0, -end, end))
    other = right.copy()
    other[:30] = False
    assert Bootstrap(200).difference(right, other) == Bootstrap(200).mean(
        right.astype(float) - other
    )


def test_a_figure_that_no_resample_changes_has_no_interval():
    assert not Bootstrap(20).mean(np.full(20, 0.3)).has_interval
