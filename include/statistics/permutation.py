"""Permutation tests of two samples, with whole units (studies or recordings) exchanged.

Every statistic used here is a function of the two samples' *means of features*:
Mann-Whitney's is the difference of mean ranks, Kolmogorov-Smirnov's the largest
difference of mean indicators, the distance of expression shares that of mean share
vectors. So features are summed once per unit, and one product of a matrix of
re-labellings with those sums gives all statistics of all re-labellings.

Exchanging whole units keeps the correlation within a unit on both sides, which is
what makes the test valid for clustered data (Gail et al., Statistics in Medicine 15,
1996). The p-value counts the observed labelling as one of the re-labellings, so it is
never 0 and never too small (Phipson and Smyth, SAGMB 9, 2010).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.statistics.arrays import FloatArray

Statistic = Callable[[FloatArray, FloatArray], FloatArray]
"""Means of features of both samples, shape (b, p) each -> b statistics, signed or not."""

_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class Relabellings:
    """Which units are called current, once as observed and then re-drawn.

    Attributes:
        current: Shape (1 + b, units), 1.0 where the unit is called current; row 0 as observed.
        unit_of: Shape (n,), the unit of each recording.
    """

    current: FloatArray
    unit_of: npt.NDArray[np.intp]


def draw(
    is_current: npt.NDArray[np.bool_],
    clusters: npt.NDArray[np.int64],
    *,
    permutations: int,
    rng: np.random.Generator,
) -> Relabellings:
    """Draw re-labellings.

    Args:
        is_current: Shape (n,).
        clusters: Shape (n,). A cluster found in both samples counts as one unit in each;
            what its halves share pulls the samples together, so that errs to the quiet side.
        permutations: How many to draw, b.
        rng: Source of the draws.
    """
    pairs = np.stack([clusters, is_current.astype(np.int64)], axis=1)
    units, unit_of = np.unique(pairs, axis=0, return_inverse=True)
    observed = units[:, 1].astype(float)
    drawn = rng.permuted(np.tile(observed, (permutations, 1)), axis=1)
    return Relabellings(np.vstack([observed, drawn]), unit_of.reshape(-1))


def compare_features(
    features: FloatArray, labels: Relabellings, statistic: Statistic
) -> tuple[float, float]:
    """Compare two samples.

    Args:
        features: Shape (n, p); a row with a NaN is left out.
        labels: From `draw` over the same n recordings.
        statistic: What to compute of the two vectors of means.

    Returns:
        The observed statistic and its two-sided p-value.
    """
    present = np.isfinite(features).all(axis=1)
    units = labels.current.shape[1]
    sums = np.zeros((units, features.shape[1]))
    np.add.at(sums, labels.unit_of[present], features[present])
    counts = np.bincount(labels.unit_of[present], minlength=units).astype(float)[:, None]
    current_n = labels.current @ counts
    baseline_n = counts.sum() - current_n
    current = labels.current @ sums
    # A re-labelling can leave a sample without recordings: it then says nothing.
    usable = (current_n[:, 0] > 0) & (baseline_n[:, 0] > 0)
    means = current[usable] / current_n[usable]
    others = (sums.sum(axis=0) - current[usable]) / baseline_n[usable]
    found = statistic(means, others)
    return float(found[0]), p_value(found)


def p_value(statistics: FloatArray) -> float:
    """Two-sided p-value of `statistics[0]` among all of `statistics`."""
    size = np.abs(statistics)
    return float(np.mean(size >= size[0] - _TIE))
