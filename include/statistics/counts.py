"""Intervals of what is counted: so many of so many, so many in so long."""

from __future__ import annotations

from typing import Literal

from include.statistics.estimate import LEVEL, Estimate

# SciPy's distributions take a second to load, and many who import this never count: they are
# loaded where they are used.

Method = Literal["wilson", "exact"]


def share(hits: int, n: int, *, method: Method = "wilson") -> Estimate:
    """Return the share of `hits` among `n` with its 95 % interval, which always has a width.

    Args:
        hits: How many, 0 to n.
        n: Of how many; with none the share is undefined.
        method: `wilson` (Wilson 1927) covers 95 % on average; `exact` (Clopper and Pearson
            1934) at least 95 % whatever the share, and is wider.
    """
    if n < 1:
        return Estimate.undefined()
    from scipy.stats import binomtest

    found = binomtest(hits, n).proportion_ci(confidence_level=LEVEL, method=method)
    return Estimate(hits / n, float(found.low), float(found.high), n)


def rate(count: int, exposure: int) -> Estimate:
    """Return how many there are in one unit, with the exact Poisson interval (Garwood 1936).

    Args:
        count: How many were seen.
        exposure: In how many units, at least 1: months, hours.
    """
    from scipy.stats import chi2

    tail = (1 - LEVEL) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(1 - tail, 2 * (count + 1)) / 2
    return Estimate(count / exposure, float(low) / exposure, float(high) / exposure, exposure)
