"""Percentile bootstrap over pictures (Efron and Tibshirani 1993, chapter 13).

One `Bootstrap` draws its resamples once. Every figure computed from it sees the same
resamples, so the interval of a difference between two of them is a paired one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.statistics import counts
from include.statistics.arrays import FloatArray
from include.statistics.estimate import LEVEL, Estimate

CountArray = npt.NDArray[np.uint16]

RESAMPLES = 1000
_CHUNK = 100
_ALIKE = 1e-12


@dataclass(frozen=True, slots=True)
class Resampled:
    """A figure on the sample itself and on every resample of one bootstrap.

    Attributes:
        value: On the sample.
        drawn: On the resamples, shape (resamples,); NaN where one does not define it.
    """

    value: float
    drawn: FloatArray

    def less(self, other: Resampled) -> Resampled:
        """Return the difference to a figure of the same resamples: paired, row by row."""
        return Resampled(self.value - other.value, self.drawn - other.drawn)

    def estimate(self, n: int) -> Estimate:
        """Return the figure with its percentile interval; `n` rows are behind it."""
        return interval(self.value, self.drawn, n)


class Bootstrap:
    """Resamples of `n` rows with replacement, kept as how often each row was drawn."""

    def __init__(self, n: int, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        self.n = n
        self._counts = drawn_counts(n, n, resamples=resamples, seed=seed)

    def chunks(self, columns: npt.NDArray[np.int64] | None = None) -> Iterator[FloatArray]:
        """Yield the counts in pieces, each (at most 100, n), of the rows `columns` if given."""
        for start in range(0, len(self._counts), _CHUNK):
            piece = self._counts[start : start + _CHUNK]
            yield (piece if columns is None else piece[:, columns]).astype(np.float64)

    def totals(self, columns: FloatArray) -> FloatArray:
        """Return the sums of columns (n, k) over every resample, shape (resamples, k)."""
        return np.concatenate([piece @ columns for piece in self.chunks()])

    def mean(self, values: FloatArray, weights: FloatArray | None = None) -> Estimate:
        """Return the mean of `values` (n,), weighted where `weights` (n,) are given.

        Shares (values of 0 and 1 without weights) that are 0 or 1 get the exact interval:
        every resample of them is the same and would show no doubt. With `weights` that are
        denominators it is a ratio of sums.
        """
        weighted = np.ones(self.n) if weights is None else np.asarray(weights, np.float64)
        sums = self.totals(np.stack([values * weighted, weighted], axis=1))
        point = float((values * weighted).sum() / weighted.sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = sums[:, 0] / sums[:, 1]
        is_share = weights is None and bool(np.isin(values, (0, 1)).all())
        return interval(point, drawn, self.n, share_of=self.n if is_share else None)

    def difference(self, hits: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> Estimate:
        """Return the share of `hits` (n,) less that of `others` (n,), paired row by row."""
        if np.array_equal(hits, others):
            return counts.no_change(self.n)
        return self.mean(hits.astype(np.float64) - others.astype(np.float64))

    def share(self, hits: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> Estimate:
        """Return the share of `hits` (n,) among the rows `among` (n,); NaN where there is none."""
        among_n = int(among.sum())
        if not among_n:
            return Estimate.undefined()
        sums = self.totals(np.stack([hits & among, among], axis=1).astype(np.float64))
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = sums[:, 0] / sums[:, 1]
        point = float(hits[among].mean())
        return interval(point, drawn, among_n, share_of=among_n)

    def statistic(self, point: float, of_counts: Callable[[FloatArray], FloatArray]) -> Estimate:
        """Return a figure whose resamples `of_counts` computes from counts (k, n) to (k,)."""
        drawn = np.concatenate([of_counts(piece) for piece in self.chunks()])
        return interval(point, drawn, self.n)


def drawn_counts(units: int, size: int, *, resamples: int, seed: int) -> CountArray:
    """Return how often each of `units` is among `size` drawn ones, shape (resamples, units).

    Raises:
        ValueError: There is no unit.
    """
    if units < 1:
        raise ValueError("no row to resample")
    generator = np.random.default_rng(seed)
    return np.stack(
        [
            np.bincount(generator.integers(0, units, size), minlength=units).astype(np.uint16)
            for _ in range(resamples)
        ]
    )


def percentiles(drawn: FloatArray, tails: tuple[float, float]) -> FloatArray:
    """Return the ends of resampled figures (k, resamples) at two tails, shape (k, 2).

    What a resample does not define (NaN) is left out; both ends are NaN where nothing is left.
    """
    ends = np.full((len(drawn), 2), np.nan)
    whole = np.isfinite(drawn).all(axis=1)
    if whole.any():
        ends[whole] = np.quantile(drawn[whole], tails, axis=1).T
    for number in np.flatnonzero(~whole):
        finite = drawn[number][np.isfinite(drawn[number])]
        if finite.size:
            ends[number] = np.quantile(finite, tails)
    return ends


def tails_of(level: float) -> tuple[float, float]:
    """Return the shares below each end of an interval of `level`."""
    return (1 - level) / 2, (1 + level) / 2


def is_certain(drawn: FloatArray) -> bool:
    """Whether every resample (resamples,) that defines a figure says the same of it."""
    finite = drawn[np.isfinite(drawn)]
    return not finite.size or bool(np.ptp(finite) < _ALIKE)


def interval(
    value: float,
    drawn: FloatArray,
    n: int,
    *,
    share_of: int | None = None,
    tails: tuple[float, float] | None = None,
) -> Estimate:
    """Return `value` with the percentile interval of its resamples.

    Args:
        value: The figure on the pictures themselves.
        drawn: The figure on every resample; NaN where a resample does not define it.
        n: Number of pictures behind it.
        share_of: Where the figure is a share of that many pictures: a share of 0 or 1
            gets the exact interval (Clopper and Pearson 1934) instead.
        tails: Shares of the resamples below each end, those of 95 % unless given.

    Returns:
        Without an interval where all resamples say the same: they show no doubt, which is no
        proof that there is none.
    """
    if share_of and value in {0.0, 1.0}:
        return counts.exact_share(value, share_of, n)
    if is_certain(drawn):
        return Estimate.without_interval(value, n)
    low, high = percentiles(drawn[None], tails or tails_of(LEVEL))[0]
    return Estimate(value, float(low), float(high), n)
