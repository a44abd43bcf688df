"""Means and medians of independent values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from include.statistics.estimate import LEVEL, Estimate


def mean(values: Sequence[float], bounds: tuple[float, float]) -> Estimate:
    """Return the mean of independent values with Student's 95 % interval.

    Args:
        values: One for each respondent (or what else is independent).
        bounds: The figure's own range; the interval does not leave it.

    Returns:
        Without an interval where one value, or values that are all alike, show no spread.
    """
    # A second to load, and only reports need it.
    from scipy.stats import t

    n = len(values)
    if not n:
        return Estimate.undefined()
    middle = math.fsum(values) / n
    spread = float(np.std(values, ddof=1)) if n > 1 else 0.0
    if spread < 1e-12:
        return Estimate.without_interval(middle, n)
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * spread / math.sqrt(n)
    return Estimate(middle, max(bounds[0], middle - half), min(bounds[1], middle + half), n)


def paired_ratio(values: Sequence[float], others: Sequence[float]) -> Estimate:
    """Return how many times the others the values are: a geometric mean over pairs.

    Args:
        values: One for each round (or what else is independent), above 0.
        others: The others of the same rounds, above 0.
    """
    logs = [math.log(value / other) for value, other in zip(values, others, strict=True)]
    found = mean(logs, (-math.inf, math.inf))
    return Estimate(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n)


def median(values: Sequence[float]) -> Estimate:
    """Return the median with the interval of order statistics (Conover 1999, section 3.2).

    It takes no shape of distribution for granted.
    """
    from scipy.stats import quantile_test

    found = quantile_test(values, q=0.0, p=0.5).confidence_interval(LEVEL)
    return Estimate(float(np.median(values)), float(found.low), float(found.high), len(values))
