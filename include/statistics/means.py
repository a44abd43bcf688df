"""Means of independent values."""

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
