"""Distance of two sets of embeddings: energy distance with a permutation test.

Székely and Rizzo, "Energy statistics", J. Statistical Planning and Inference 143
(2013). It is the maximum mean discrepancy of the distance kernel (Sejdinovic et al.,
Annals of Statistics 41, 2013), without a bandwidth to choose.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from include.statistics.arrays import FloatArray
from include.statistics.permutation import Relabellings, p_value


def energy_test(embeddings: FloatArray, labels: Relabellings) -> tuple[float, float]:
    """Compare the embeddings of two samples of recordings.

    Args:
        embeddings: Shape (n, d), one mean embedding per recording, finite.
        labels: From `permutation.draw` over the same n recordings.

    Returns:
        The energy coefficient, 0 (same distribution) .. 1, and its p-value. The
        coefficient of finite samples is above 0 also where nothing has changed.
    """
    units = labels.current.shape[1]
    member = np.zeros((len(embeddings), units))
    member[np.arange(len(embeddings)), labels.unit_of] = 1.0
    between = member.T @ cdist(embeddings, embeddings) @ member
    sizes = member.sum(axis=0)
    current = labels.current
    baseline = 1.0 - current
    n, m = current @ sizes, baseline @ sizes
    cross = _mean_distance(current, between, baseline) / (n * m)
    within = _mean_distance(current, between, current) / n**2
    within += _mean_distance(baseline, between, baseline) / m**2
    energy = np.maximum(2.0 * cross - within, 0.0)
    coefficient = np.divide(energy, 2.0 * cross, out=np.zeros_like(energy), where=cross > 0)
    return float(coefficient[0]), p_value(energy)


def _mean_distance(left: FloatArray, between: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(((left @ between) * right).sum(axis=1))
