"""Percentile bootstrap over pictures (Efron and Tibshirani 1993, chapter 13).

One `Bootstrap` draws its resamples once. Every figure computed from it sees the same
resamples, so the interval of a difference between two of them is a paired one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from include.statistics import counts
from include.statistics.arrays import FloatArray
from include.statistics.estimate import LEVEL, Estimate

CountArray = npt.NDArray[np.uint16]

RESAMPLES = 1000
_TAILS_PERCENT = (50 * (1 - LEVEL), 50 * (1 + LEVEL))
_CHUNK = 100


class Bootstrap:
    """Resamples of `n` rows with replacement, kept as how often each row was drawn."""

    def __init__(self, n: int, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        if n < 1:
            raise ValueError("no row to resample")
        generator = np.random.default_rng(seed)
        self.n = n
        self._counts: CountArray = np.stack(
            [
                np.bincount(generator.integers(0, n, n), minlength=n).astype(np.uint16)
                for _ in range(resamples)
            ]
        )

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
        every resample of them is the same and would show no doubt.
        """
        weighted = np.ones(self.n) if weights is None else np.asarray(weights, np.float64)
        sums = self.totals(np.stack([values * weighted, weighted], axis=1))
        point = float((values * weighted).sum() / weighted.sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = sums[:, 0] / sums[:, 1]
        is_share = weights is None and bool(np.isin(values, (0, 1)).all())
        return interval(point, drawn, self.n, share_of=self.n if is_share else None)

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


def interval(value: float, drawn: FloatArray, n: int, *, share_of: int | None = None) -> Estimate:
    """Return `value` with the percentile interval of its resamples.

    Args:
        value: The figure on the pictures themselves.
        drawn: The figure on every resample; NaN where a resample does not define it.
        n: Number of pictures behind it.
        share_of: Where the figure is a share of that many pictures: a share of 0 or 1
            gets the exact interval (Clopper and Pearson 1934) instead.
    """
    if share_of and value in {0.0, 1.0}:
        exact = counts.share(round(value * share_of), share_of, method="exact")
        return Estimate(value, exact.low, exact.high, n)
    finite = drawn[np.isfinite(drawn)]
    if not len(finite):
        return Estimate(value, value, value, n)
    low, high = np.percentile(finite, _TAILS_PERCENT)
    return Estimate(value, float(low), float(high), n)
