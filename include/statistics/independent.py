"""Figures made of independent ones: differences, ratios, means, by MOVER.

"Method of variance estimates recovery": the ends of the single intervals stand for their
variances near each end, which keeps their asymmetry and, where one figure is a share of 0 or
1, its width. With Wilson's intervals the difference is Newcombe's hybrid score interval
(Newcombe 1998, Statistics in Medicine 17, 873-890, method 10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from include.statistics.estimate import Estimate


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Return `one` less `other` (Zou and Donner 2008, Statistics in Medicine 27, 1693-1702)."""
    value = one.value - other.value
    low = value - math.hypot(one.value - one.low, other.high - other.value)
    high = value + math.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, low, high, min(one.n, other.n))


def ratio(one: Estimate, other: Estimate) -> Estimate:
    """Return `one` over `other`, neither of them negative (Donner and Zou 2012).

    Statistical Methods in Medical Research 21, 347-359. Its upper end is infinite where
    `other` may be zero, and undefined is what is divided by zero.
    """
    n = min(one.n, other.n)
    if not other.value > 0:
        return Estimate.undefined(n)
    product = one.value * other.value
    below = one.low * (2 * one.value - one.low)
    above = one.high * (2 * one.value - one.high)
    most = other.high * (2 * other.value - other.high)
    least = other.low * (2 * other.value - other.low)
    low = below / (product + math.sqrt(product**2 - below * most)) if below > 0 else 0.0
    high = (product + math.sqrt(product**2 - above * least)) / least if least > 0 else math.inf
    return Estimate(one.value / other.value, low, high, n)


def scaled(one: Estimate, factor: float) -> Estimate:
    """Return `one` times a factor that is known and not negative."""
    return Estimate(one.value * factor, one.low * factor, one.high * factor, one.n)


def mean(parts: Sequence[Estimate], n: int) -> Estimate:
    """Return the mean of figures of different rows; `n` is what the whole rests on."""
    value = math.fsum(part.value for part in parts) / len(parts)
    low = value - math.hypot(*(part.value - part.low for part in parts)) / len(parts)
    high = value + math.hypot(*(part.high - part.value for part in parts)) / len(parts)
    return Estimate(value, low, high, n)
