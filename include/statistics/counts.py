"""Intervals of what is counted: so many of so many, so many in so long."""

from __future__ import annotations

from typing import Literal

from include.statistics.estimate import LEVEL, Estimate

# SciPy's distributions take a second to load, and many who import this never count: they are
# loaded where they are used.

Method = Literal["wilson", "exact"]


def share(hits: int, n: int, *, method: Method = "wilson", level: float = LEVEL) -> Estimate:
    """Return the share of `hits` among `n` with its interval, which always has a width.

    Args:
        hits: How many, 0 to n.
        n: Of how many; with none the share is undefined.
        method: `wilson` (Wilson 1927) covers `level` on average; `exact` (Clopper and Pearson
            1934) at least `level` whatever the share, and is wider.
        level: Of the interval, 0 to 1.
    """
    if n < 1:
        return Estimate.undefined()
    from scipy.stats import binomtest

    found = binomtest(hits, n).proportion_ci(confidence_level=level, method=method)
    return Estimate(hits / n, float(found.low), float(found.high), n)


def exact_share(value: float, size: float, n: int, *, level: float = LEVEL) -> Estimate:
    """Return a share with Clopper and Pearson's interval of `size` rows, not always whole.

    Args:
        value: The share, 0 to 1.
        size: How many independent rows it is worth, above 0.
        n: What the estimate says it rests on.
        level: Of the interval, 0 to 1.
    """
    from scipy.special import betaincinv

    tail, hits = (1 - level) / 2, value * size
    low = float(betaincinv(hits, size - hits + 1, tail)) if value > 0 else 0.0
    high = float(betaincinv(hits + 1, size - hits, 1 - tail)) if value < 1 else 1.0
    return Estimate(value, low, high, n)


def no_change(n: int, *, level: float = LEVEL) -> Estimate:
    """Return the difference of two shares of the same `n` rows that agree on every row.

    The difference is at most the share of rows on which the two differ; its end is the exact
    one of none among n.
    """
    end = exact_share(0.0, n, n, level=level).high
    return Estimate(0.0, -end, end, n)


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
