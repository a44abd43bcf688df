"""Figures over people: what few of them, and people who are all alike, leave open."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from include.statistics.clusters import ClusterBootstrap, effective_n, ratio

PEOPLE = [f"p{number:02d}" for number in range(20)]


def test_of_one_row_each_a_share_is_clopper_and_pearson_s_shrunk_by_student() -> None:
    hits = np.arange(20) < 5
    found = ClusterBootstrap(PEOPLE).share(hits, np.ones(20))
    size = 19 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 19)) ** 2
    assert (found.value, found.n) == (0.25, 20)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 0.25 * size, 0.75 * size + 1))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, 0.25 * size + 1, 0.75 * size))


def test_rows_of_people_who_are_alike_throughout_count_once() -> None:
    once = ClusterBootstrap(PEOPLE).share(np.arange(20) < 5, np.ones(20))
    ten = ClusterBootstrap(PEOPLE * 10).share(np.tile(np.arange(20) < 5, 10), np.ones(200))
    assert (ten.low, ten.high) == pytest.approx((once.low, once.high))


def test_a_share_of_nothing_rests_on_people() -> None:
    found = ClusterBootstrap(PEOPLE * 10).share(np.zeros(200, bool), np.ones(200))
    known = stats.binomtest(0, 20).proportion_ci()
    assert (found.value, found.low, found.n) == (0.0, 0.0, 200)
    assert found.high == pytest.approx(known.high)


def test_rows_that_weigh_nothing_do_not_count() -> None:
    weights = np.repeat([1.0, 0.0], 10)
    found = ClusterBootstrap(PEOPLE).share(np.arange(20) < 5, weights)
    assert (found.value, found.n) == (0.5, 10)
    assert not ClusterBootstrap(PEOPLE).share(np.arange(20) < 5, np.zeros(20)).is_defined


def test_a_mean_over_few_people_is_about_student_s() -> None:
    values = np.random.default_rng(0).normal(5, 2, 20)
    columns = np.column_stack([values, np.ones(20)])
    found = ClusterBootstrap(PEOPLE, resamples=4000).figure(columns, ratio, n=20)
    known = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(known.low, abs=0.12)
    assert found.high == pytest.approx(known.high, abs=0.12)


def test_what_all_resamples_agree_on_has_no_interval() -> None:
    columns = np.column_stack([np.full(20, 3.0), np.ones(20)])
    assert not ClusterBootstrap(PEOPLE).figure(columns, ratio, n=20).has_interval


def test_totals_are_of_the_sample_first_and_draw_one_less_than_there_are() -> None:
    drawn = ClusterBootstrap(["c", "a", "b", "a"], resamples=5)
    assert drawn.people.tolist() == ["a", "b", "c"]
    assert drawn.places(["c", "a"]).tolist() == [2, 0]
    totals = drawn.totals(np.eye(3))
    assert totals.shape == (6, 3)
    assert totals[0].tolist() == [1, 1, 1]
    assert (totals[1:].sum(axis=1) == 2).all()
    only = drawn.totals(np.eye(3), np.array([True, False, False]))
    assert (only[:, 1:] == 0).all()
    assert (only[:, 0] == totals[:, 0]).all()


def test_one_person_gives_no_interval() -> None:
    one = ClusterBootstrap(["a", "a"])
    assert not one.share(np.array([True, False]), np.ones(2)).has_interval
    assert not one.figure(np.ones((2, 2)), ratio, n=2).has_interval


def test_nobody_to_resample_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        ClusterBootstrap([])


def test_kish_s_effective_number() -> None:
    assert effective_n(np.ones(7)) == 7
    assert effective_n(np.array([3.0, 1.0])) == pytest.approx(1.6)
    assert effective_n(np.zeros(3)) == 0
