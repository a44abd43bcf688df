"""Bootstrap over people, not over pictures.

Pictures of one person resemble each other, so people are what is drawn: n - 1 of n, with
replacement, which makes the bootstrap variance of a mean the unbiased one (Rao and Wu
1988, JASA 83, 231-241). A picture keeps its design weight in every resample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, interval
from include.statistics.estimate import Estimate

MIN_RESPONDENTS = 2
"""With fewer there is no interval: its ends are NaN."""


class ClusterBootstrap:
    """Resamples of people, drawn once, so that all figures see the same ones.

    Args:
        respondents: Who each of the n rows is of.
        resamples: Number of resamples.
        seed: Same input and seed: same intervals.

    Raises:
        ValueError: There is no row.
    """

    def __init__(
        self, respondents: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        if not len(respondents):
            raise ValueError("no row to resample")
        people, self._of_row = np.unique(np.asarray(respondents, str), return_inverse=True)
        self.people_n = len(people)
        generator = np.random.default_rng(seed)
        size = (resamples, self.people_n - 1)
        drawn = generator.integers(0, self.people_n, size)
        offsets = np.arange(resamples)[:, None] * self.people_n
        flat = np.bincount((drawn + offsets).ravel(), minlength=resamples * self.people_n)
        self._counts = flat.reshape(resamples, self.people_n).astype(np.float64)

    def figure(
        self,
        columns: FloatArray,
        statistic: Callable[[FloatArray], FloatArray],
        *,
        n: int,
        share_of: float | None = None,
    ) -> Estimate:
        """Return a figure that is a function of column sums, with its 95 % interval.

        Args:
            columns: What each row adds, shape (rows, k).
            statistic: Values of sums of shape (m, k), shape (m,); NaN where undefined.
            n: Number of rows behind the figure.
            share_of: Effective number of rows where the figure is a share: a share of 0
                or 1 then gets the exact interval, as no resample shows doubt.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            value = float(statistic(columns.sum(axis=0, keepdims=True))[0])
            if self.people_n < MIN_RESPONDENTS or np.isnan(value):
                return Estimate.without_interval(value, n)
            by_person = np.zeros((self.people_n, columns.shape[1]))
            np.add.at(by_person, self._of_row, columns)
            drawn = statistic(self._counts @ by_person)
        certain = max(1, int(share_of)) if share_of is not None else None
        return interval(value, drawn, n, share_of=certain)


def ratio(sums: FloatArray) -> FloatArray:
    """Return first column over second: a weighted mean (Hajek) where they are sums."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def effective_n(weights: FloatArray) -> float:
    """Return the number of equally weighted rows that weigh as much (Kish 1965)."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
