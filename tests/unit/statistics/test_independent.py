"""Differences, ratios and means of independent figures, on published examples."""

from __future__ import annotations

import math

import pytest

from include.statistics import counts, independent
from include.statistics.estimate import Estimate


@pytest.mark.parametrize(
    ("one", "other", "ends"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
    ],
)
def test_of_wilson_s_intervals_it_is_newcombe_s_difference(
    one: tuple[int, int], other: tuple[int, int], ends: tuple[float, float]
) -> None:
    """Newcombe 1998, table II, cases a, b and h, method 10; statsmodels says the same."""
    found = independent.difference(counts.share(*one), counts.share(*other))
    assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)
    assert found.n == min(one[1], other[1])


def test_a_difference_keeps_each_side_s_asymmetry() -> None:
    found = independent.difference(Estimate(0.9, 0.86, 0.91, 1), Estimate(0.8, 0.7, 0.83, 1))
    assert found.value == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - 0.05)
    assert found.high == pytest.approx(0.1 + math.hypot(0.01, 0.1))


def test_a_ratio_is_fieller_s_where_the_intervals_are_symmetric() -> None:
    """Fieller 1940: the quotients r at which a - r b is not surely other than zero."""
    a, b, half_a, half_b = 6.0, 4.0, 1.0, 0.8
    found = independent.ratio(Estimate(a, a - half_a, a + half_a, 9), Estimate(b, 3.2, 4.8, 7))
    for end in (found.low, found.high):
        assert (a - end * b) ** 2 == pytest.approx(half_a**2 + end**2 * half_b**2)
    assert found.low < found.value == 1.5 < found.high
    assert found.n == 7


def test_a_ratio_knows_nothing_and_zero() -> None:
    none, some = counts.share(0, 60, method="exact"), counts.share(30, 60, method="exact")
    assert independent.ratio(none, some).low == independent.ratio(none, some).value == 0
    assert 0.05 < independent.ratio(none, some).high < 0.2
    assert independent.ratio(some, none).is_defined is False
    assert independent.ratio(some, Estimate(0.1, 0.0, 0.3, 9)).high == math.inf


def test_a_mean_of_parts_is_surer_than_each() -> None:
    part = counts.share(20, 20, method="exact")
    found = independent.mean([part] * 4, 80)
    assert (found.value, found.high, found.n) == (1.0, 1.0, 80)
    assert found.low == pytest.approx(1 - (1 - part.low) / 2)


def test_a_factor_scales_all_three() -> None:
    scaled = independent.scaled(Estimate(0.5, 0.4, 0.7, 3), 100)
    assert (scaled.value, scaled.low, scaled.high) == (50, 40, 70)
