"""The statistics of two samples, each an effect size that people can read.

| statistic | range | is |
|---|---|---|
| `ks_distance` | 0..1 | largest gap of the two distribution functions (KS) |
| `cliffs_delta` | -1..1 | P(current > baseline) - P(current < baseline); Mann-Whitney's U, scaled |
| `mean_difference` | the figure's unit | current mean - baseline mean |
| `js_distance` | 0..1 | square root of the Jensen-Shannon divergence, base 2, of mean shares |

KS and JS are the names that SageMaker Clarify uses for the same quantities; its JS is
the divergence, whose square root is a metric (Endres and Schindelin, 2003). Cliff's
delta: 0.15 is called small, 0.33 medium, 0.47 large (Romano et al., 2006).
"""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr
from scipy.stats import rankdata

from include.statistics.arrays import FloatArray

KS_POINTS = 40
"""Quantiles of the pooled sample at which the distribution functions are compared."""

PSI_BINS = 10
_PSI_FLOOR = 1e-4


def ks_features(values: FloatArray) -> FloatArray:
    """Indicators `value <= point`, shape (n, points); NaN rows where the value is NaN."""
    finite = values[np.isfinite(values)]
    points = np.unique(np.quantile(finite, np.linspace(0.0, 1.0, KS_POINTS + 2)[1:-1]))
    indicators = (values[:, None] <= points).astype(float)
    indicators[~np.isfinite(values)] = np.nan
    return indicators


def rank_features(values: FloatArray) -> FloatArray:
    """Mid-ranks scaled so that the difference of their means is Cliff's delta, shape (n, 1)."""
    ranks = rankdata(values, nan_policy="omit")
    return np.asarray(2.0 * ranks / np.isfinite(values).sum())[:, None]


def ks_distance(current: FloatArray, baseline: FloatArray) -> FloatArray:
    """Largest absolute difference; inputs (b, points), result (b,)."""
    return np.asarray(np.abs(current - baseline).max(axis=1))


def mean_difference(current: FloatArray, baseline: FloatArray) -> FloatArray:
    """Signed difference of the first feature; inputs (b, 1), result (b,)."""
    return np.asarray(current[:, 0] - baseline[:, 0])


def js_distance(current: FloatArray, baseline: FloatArray) -> FloatArray:
    """Jensen-Shannon distance of share vectors; inputs (b, k), result (b,), 0..1."""
    middle = (current + baseline) / 2.0
    nats = (rel_entr(current, middle) + rel_entr(baseline, middle)).sum(axis=1) / 2.0
    return np.asarray(np.sqrt(np.maximum(nats, 0.0) / np.log(2.0)))


def psi(current: FloatArray, baseline: FloatArray) -> float:
    """Population stability index over the baseline's deciles. Descriptive: it has no test here.

    Args:
        current: Shape (n,), finite.
        baseline: Shape (m,), finite; m at least 1.

    Returns:
        0 for equal distributions; credit scoring reads 0.1 as a small and 0.25 as a large
        shift, but small samples exceed both by chance.
    """
    edges = np.unique(np.quantile(baseline, np.linspace(0.0, 1.0, PSI_BINS + 1)[1:-1]))
    bins = len(edges) + 1
    found = np.bincount(np.searchsorted(edges, current), minlength=bins) / len(current)
    expected = np.bincount(np.searchsorted(edges, baseline), minlength=bins) / len(baseline)
    return psi_of_shares(found, expected)


def psi_of_shares(current: FloatArray, baseline: FloatArray) -> float:
    """PSI of two share vectors, shape (k,); empty cells count as 0.01 %."""
    p, q = np.maximum(current, _PSI_FLOOR), np.maximum(baseline, _PSI_FLOOR)
    return float(((p - q) * np.log(p / q)).sum())
