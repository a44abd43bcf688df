"""Simultaneous bands: a whole curve over time, with one interval that holds at all times.

A band's half-width at each time is one number times that time's standard error: the sup-t
band (Montiel Olea and Plagborg-Moller 2019, Journal of Applied Econometrics 34, 1-17). The
number is the 95 % quantile of the largest studentised deviation over all times, over resamples
of whole respondents, each with standard errors of its own (bootstrap-t; Hall 1988, Annals of
Statistics 16, 927-953): with few respondents, errors that are not estimated anew make bands
that are far too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import drawn_counts
from include.statistics.estimate import LEVEL

RESAMPLES = 2000
MIN_RESPONDENTS = 3
"""Times with fewer have no band, nor part in the others'."""

_CHUNK = 100
_LEAST_VARIANCE = 0.05
"""Share of a time's variance under which no resample's falls: one in which nobody is left who
differs from the others would else deviate by infinitely many of its own standard errors."""


@dataclass(frozen=True, slots=True)
class Band:
    """A mean curve with its 95 % band.

    Attributes:
        value: Mean over the respondents who are seen, shape (times,); NaN where nobody is.
        low: Lower end, shape (times,); NaN where the respondents show no spread.
        high: Upper end, likewise.
        n: Respondents seen at each time, shape (times,).
        critical: Standard errors that the band lies above and below; NaN where there is none.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    n: npt.NDArray[np.int64]
    critical: float


def mean_band(
    curves: FloatArray,
    bounds: tuple[float, float],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Band:
    """Return the mean of respondents' curves with a band that holds the whole of it.

    Where all respondents are at one bound of the figure, the band reaches from there to the
    exact end of "none of n" (Clopper and Pearson 1934), at the level that the critical number
    has at a single time. Curves of two conditions, subtracted respondent by respondent, give
    the band of a paired difference.

    Args:
        curves: One line per respondent on a common clock, shape (respondents, times); NaN
            where a respondent is not seen.
        bounds: The figure's own range; the band does not leave it.
        resamples: Of respondents.
        seed: Same curves and seed: same band.
    """
    seen = np.isfinite(curves)
    n = seen.sum(axis=0)
    filled = np.where(seen, curves, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(n > 0, filled.sum(axis=0) / n, np.nan)
        # About the mean: differences of squares would lose what small spreads are made of.
        centred = np.where(seen, curves - value, 0.0)
        variance = (centred**2).sum(axis=0) / (n * (n - 1))
    scale = max(1e-12, float(np.nanmax(np.abs(filled), initial=0.0)) * 1e-9)
    spread = (n >= MIN_RESPONDENTS) & (variance > scale**2)
    low, high = np.full(n.shape, np.nan), np.full(n.shape, np.nan)
    if not spread.any():
        return _with_bounds(Band(value, low, high, n, np.nan), bounds)
    critical = _critical(centred[:, spread], seen[:, spread], variance[spread], resamples, seed)
    half = critical * np.sqrt(variance[spread])
    low[spread] = np.maximum(value[spread] - half, bounds[0])
    high[spread] = np.minimum(value[spread] + half, bounds[1])
    return _with_bounds(Band(value, low, high, n, critical), bounds)


def _critical(
    centred: FloatArray,
    seen: npt.NDArray[np.bool_],
    variance: FloatArray,
    resamples: int,
    seed: int,
) -> float:
    respondents = len(centred)
    counts = drawn_counts(respondents, respondents, resamples=resamples, seed=seed)
    present, squares = seen.astype(np.float64), centred**2
    largest = []
    for start in range(0, resamples, _CHUNK):
        drawn = counts[start : start + _CHUNK].astype(np.float64)
        n = drawn @ present
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (drawn @ centred) / n
            own = ((drawn @ squares) / n - mean**2) / (n - 1)
            deviation = np.abs(mean) / np.sqrt(np.maximum(own, _LEAST_VARIANCE * variance))
        largest.append(np.where(n > 1, deviation, 0.0).max(axis=1))
    return float(np.quantile(np.concatenate(largest), LEVEL))


def _with_bounds(band: Band, bounds: tuple[float, float]) -> Band:
    """Fill in the times at which everybody is at one bound."""
    from scipy.stats import t

    enough = (band.n >= MIN_RESPONDENTS) & np.isnan(band.low)
    reach = np.zeros(band.n.shape)
    if np.isfinite(band.critical):
        tail = t.sf(band.critical, np.maximum(band.n - 1, 1))
    else:
        tail = np.full(band.n.shape, (1 - LEVEL) / 2)
    reach[enough] = (1 - tail[enough] ** (1 / band.n[enough])) * (bounds[1] - bounds[0])
    at_low, at_high = (enough & np.isclose(band.value, end) for end in bounds)
    low = np.where(at_low, bounds[0], np.where(at_high, bounds[1] - reach, band.low))
    high = np.where(at_high, bounds[1], np.where(at_low, bounds[0] + reach, band.high))
    return Band(band.value, low, high, band.n, band.critical)
