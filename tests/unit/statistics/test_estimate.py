"""Estimates, how they are counted, kept and printed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from include.statistics import counts, means, words
from include.statistics.estimate import Estimate


def test_the_interval_of_a_mean_is_student_s() -> None:
    values = [0.1, 0.25, 0.3, 0.42, 0.2]
    found = means.mean(values, (0.0, 1.0))
    expected = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.value, found.n) == (pytest.approx(np.mean(values)), 5)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.excludes(0)
    assert not found.excludes(found.value)


def test_it_stays_in_the_figure_s_range_and_is_none_without_a_spread() -> None:
    assert means.mean([0.0, 0.9], (0.0, 1.0)).low == 0.0
    assert means.mean([0.0, 0.9], (0.0, 1.0)).high == 1.0
    for values in ([0.3], [0.3, 0.3]):
        found = means.mean(values, (0.0, 1.0))
        assert (found.value, found.n, found.has_interval) == (0.3, len(values), False)
        assert not found.excludes(0)
    assert not means.mean([], (0.0, 1.0)).is_defined


def test_a_ratio_of_pairs_is_student_s_on_logarithms() -> None:
    """One-sample t of the logarithms, as SciPy computes it."""
    found = means.paired_ratio([18.0, 20.0, 22.0], [10.0, 10.0, 10.0])
    known = ttest_1samp(np.log([1.8, 2.0, 2.2]), 0.0).confidence_interval(0.95)
    assert found.value == pytest.approx((1.8 * 2.0 * 2.2) ** (1 / 3))
    assert (found.low, found.high) == pytest.approx((math.exp(known.low), math.exp(known.high)))
    assert not means.paired_ratio([20.0], [10.0]).has_interval


def test_a_median_has_the_interval_of_order_statistics() -> None:
    """Of twenty the sixth and the fifteenth (Conover 1999, table A3: 0.0207 beyond each)."""
    found = means.median([float(value) for value in range(1, 21)])
    assert (found.value, found.low, found.high, found.n) == (10.5, 6.0, 15.0, 20)


def test_it_covers_what_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        found = means.mean(rng.normal(0.05, 0.1, 6).tolist(), (-1.0, 1.0))
        covered += bool(found.low <= 0.05 <= found.high)
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize("method", ["wilson", "exact"])
def test_a_counted_share_never_has_an_interval_of_no_width(method: counts.Method) -> None:
    for hits in (0, 1, 25, 50):
        found = counts.share(hits, 50, method=method)
        assert found.low <= hits / 50 <= found.high
        assert found.high - found.low > 0.03
    assert not counts.share(0, 0).is_defined


def test_the_exact_interval_holds_the_truth_at_least_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(3).binomial(40, 0.1, 1000)
    found = {hits: counts.share(int(hits), 40, method="exact") for hits in set(drawn)}
    assert np.mean([found[hits].low <= 0.1 <= found[hits].high for hits in drawn]) >= 0.94


@pytest.mark.parametrize(
    ("hits", "n", "ends"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611)),
     (1, 29, (0.0061, 0.1718))],
)  # fmt: skip
def test_wilson_s_interval_as_newcombe_tabled_it(
    hits: int, n: int, ends: tuple[float, float]
) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3."""
    found = counts.share(hits, n)
    assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 29), (15, 148), (263, 263)])
def test_the_exact_interval_of_whole_rows_is_the_counted_one(hits: int, n: int) -> None:
    counted, sized = counts.share(hits, n, method="exact"), counts.exact_share(hits / n, n, n)
    assert (sized.low, sized.high) == pytest.approx((counted.low, counted.high))
    assert counts.exact_share(hits / n, n + 0.5, n).n == n


def test_a_rate_has_garwood_s_interval() -> None:
    found = counts.rate(0, 10)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(-math.log(0.025) / 10)
    assert counts.rate(10, 1).low == pytest.approx(4.795, abs=0.001)
    assert counts.rate(10, 1).high == pytest.approx(18.390, abs=0.001)


@pytest.mark.parametrize(
    "estimate", [Estimate(0.5, 0.4, 0.6, 9), Estimate.undefined(3), Estimate.without_interval(1, 2)]
)
def test_what_is_kept_is_read_back(estimate: Estimate) -> None:
    kept = json.loads(json.dumps(estimate.to_json(), allow_nan=False))
    assert repr(Estimate.from_json(kept)) == repr(estimate).replace("value=1,", "value=1.0,")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.share(Estimate(0.123, 0.08, 0.166, 3)), "12.3 % (8.0 to 16.6)"),
        (words.share(Estimate(0.123, 0.08, 0.166, 3), said=True),
         "12.3 % (95 % interval 8.0 to 16.6)"),
        (words.share(Estimate.without_interval(0.123, 1)), "12.3 %"),
        (words.share(Estimate(0.0021, 0.001, 0.004, 3), 2), "0.21 % (0.10 to 0.40)"),
        (words.points(Estimate(-0.0123, -0.05, 0.02, 3)), "-1.2 (-5.0 to +2.0)"),
        (words.points(Estimate(0.02, -0.0004, 0.05, 3), said=True),
         "+2.0 points (95 % interval 0.0 to +5.0)"),
        (words.points(Estimate.without_interval(0.0, 3)), "0.0"),
        (words.difference(Estimate(0.0123, -0.1, 0.2, 3)), "+0.012 (-0.100 to +0.200)"),
        (words.number(Estimate(0.61, 0.52, 0.7, 30), 3), "0.610 (0.520 to 0.700)"),
        (words.number(Estimate.undefined()), "–"),
        (words.number(None), "–"),
        (words.number(Estimate(15, 13, 17, 3), 1, said=True), "15.0 (95 % interval 13.0 to 17.0)"),
        (words.span(Estimate(0.61, 0.52, 0.7, 30), 2), "0.52 to 0.70"),
        (words.span(Estimate.without_interval(0.61, 3)), "–"),
        (words.plain(-0.0001), "0.000"),
    ],
)  # fmt: skip
def test_figures_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected
