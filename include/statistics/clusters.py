"""Bootstrap over people, not over pictures.

Pictures of one person resemble each other (Field and Welsh 2007, J. R. Statist. Soc. B 69,
369-390), so people are what is drawn: n - 1 of n, with replacement, which makes the bootstrap
variance of a mean the unbiased one (Rao and Wu 1988, JASA 83, 231-241). A picture keeps its
design weight in every resample.

Few people say little about their own spread. Intervals are therefore as much wider as
Student's are than the normal ones: percentiles further out (Hesterberg 2015, The American
Statistician 69, 371-386, "expanded percentile"), and fewer rows for a share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from include.statistics import counts
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, drawn_counts, interval, tails_of
from include.statistics.estimate import LEVEL, Estimate

MIN_RESPONDENTS = 2
"""With fewer there is no interval: its ends are NaN."""


class ClusterBootstrap:
    """Resamples of people, drawn once, so that all figures see the same ones.

    Args:
        respondents: Who each of the n rows is of.
        resamples: Number of resamples.
        seed: Same input and seed: same intervals.

    Attributes:
        people: Everybody once, sorted.
        people_n: How many they are.

    Raises:
        ValueError: There is no row.
    """

    def __init__(
        self, respondents: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        names, self._of_row = np.unique(np.asarray(respondents, str), return_inverse=True)
        self.people: npt.NDArray[np.str_] = names
        self.people_n = len(names)
        self._counts = drawn_counts(
            self.people_n, self.people_n - 1, resamples=resamples, seed=seed
        ).astype(np.float64)

    def places(self, respondents: Sequence[str]) -> npt.NDArray[np.intp]:
        """Return where each of these people stands in `people`, all of whom are known there."""
        return np.searchsorted(self.people, np.asarray(respondents, str))

    def by_person(
        self, columns: FloatArray, places: npt.NDArray[np.intp] | None = None
    ) -> FloatArray:
        """Return the sums of each person's rows, shape (people, k); 0 for people without one.

        Args:
            columns: What each row adds, shape (rows, k).
            places: Whose each row is, shape (rows,), as `places` returns it; the rows that
                the bootstrap was made of where None.
        """
        sums = np.zeros((self.people_n, columns.shape[1]))
        np.add.at(sums, self._of_row if places is None else places, columns)
        return sums

    def totals(
        self, by_person: FloatArray, members: npt.NDArray[np.bool_] | None = None
    ) -> FloatArray:
        """Return sums over people, of the sample first and then of every resample.

        Args:
            by_person: What each of `people` adds, shape (people, k).
            members: Whom to count, shape (people,); everybody where None.

        Returns:
            Shape (1 + resamples, k).
        """
        chosen = np.arange(self.people_n) if members is None else np.flatnonzero(members)
        rows = by_person[chosen]
        return np.vstack([rows.sum(axis=0), self._counts[:, chosen] @ rows])

    def figure(
        self, columns: FloatArray, statistic: Callable[[FloatArray], FloatArray], *, n: int
    ) -> Estimate:
        """Return a figure that is a function of column sums, with its 95 % interval.

        Args:
            columns: What each row adds, shape (rows, k).
            statistic: Values of sums of shape (m, k), shape (m,); NaN where undefined.
            n: Number of rows behind the figure.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            found = statistic(self.totals(self.by_person(columns)))
        value = float(found[0])
        if self.people_n < MIN_RESPONDENTS or math.isnan(value):
            return Estimate.without_interval(value, n)
        return interval(value, found[1:], n, tails=_wider_tails(self.people_n))

    def share(
        self, hits: npt.NDArray[np.bool_], weights: FloatArray, *, n: int | None = None
    ) -> Estimate:
        """Return the weighted share of `hits`, with the exact interval of a survey's share.

        Clopper and Pearson's, of as many rows as would be known as well if they were
        independent (Korn and Graubard 1998, Survey Methodology 24, 193-201). A share of 0 or
        1 shows nothing of how alike a person's rows are: there each person counts as one row.

        Args:
            hits: Shape (rows,).
            weights: Shape (rows,), 0 for rows that do not count.
            n: Number of rows behind the share; those that count unless given.
        """
        counted = int((weights > 0).sum())
        n = counted if n is None else n
        if not counted:
            return Estimate.undefined(n)
        by_person = self.by_person(np.column_stack([hits * weights, weights]))
        by_person = by_person[by_person[:, 1] > 0]
        people = len(by_person)
        hit, total = by_person.sum(axis=0).tolist()
        value = min(1.0, hit / total)
        if people < MIN_RESPONDENTS:
            return Estimate.without_interval(value, n)
        if not by_person[:, 0].any() or np.array_equal(by_person[:, 0], by_person[:, 1]):
            return counts.exact_share(float(round(value)), effective_n(by_person[:, 1]), n)
        spread = ((by_person[:, 0] - value * by_person[:, 1]) ** 2).sum() / total**2
        variance = spread * people / (people - 1)
        rows = effective_n(weights)
        size = min(rows, value * (1 - value) / variance) if variance > 0 else rows
        return counts.exact_share(value, size * _shrinkage(people), n)


def ratio(sums: FloatArray) -> FloatArray:
    """Return first column over second: a weighted mean (Hajek) where they are sums."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def effective_n(weights: FloatArray) -> float:
    """Return the number of equally weighted rows that weigh as much (Kish 1965)."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _wider_tails(people: int) -> tuple[float, float]:
    from scipy.stats import norm, t

    below = float(norm.cdf(t.ppf(tails_of(LEVEL)[0], people - 1)))
    return below, 1 - below


def _shrinkage(people: int) -> float:
    """How many rows of a share are left when its variance is known of few people."""
    from scipy.stats import norm, t

    tail = tails_of(LEVEL)[1]
    return float(norm.ppf(tail) / t.ppf(tail, people - 1)) ** 2
