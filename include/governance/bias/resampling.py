"""Bootstrap clustered by person: whole people are drawn, with all their rows.

Rows of one person resemble each other; drawing rows would make intervals too
narrow (Field and Welsh 2007, J. R. Statist. Soc. B 69). A resample is a vector
of multinomial weights over people, so 1,000 resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.statistics.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class People:
    """The people of one or more audits and their weights in each resample.

    Attributes:
        ids: Sorted ids of the people.
        weights: (1 + resamples, people); the first line is all ones: the sample itself.
    """

    ids: pd.Index
    weights: FloatArray

    def sums(self, person_ids: Sequence[str] | pd.Index, values: FloatArray) -> FloatArray:
        """Sum statistics per person, in the order of `ids`.

        Args:
            person_ids: (rows,) each row's person, known to `ids`.
            values: (rows, k).

        Returns:
            (people, k), zero for people without a row.
        """
        result = np.zeros((len(self.ids), values.shape[1]))
        np.add.at(result, self.ids.get_indexer(pd.Index(person_ids)), values)
        return result

    def weighted(self, per_person: FloatArray, members: npt.NDArray[np.bool_]) -> FloatArray:
        """Return (1 + resamples, k) sums over the people in `members` (bool, (people,))."""
        chosen = np.flatnonzero(members)
        product: FloatArray = self.weights[:, chosen] @ per_person[chosen]
        return product


def people(person_ids: Sequence[str], *, resamples: int, seed: int) -> People:
    """Draw the resamples.

    Args:
        person_ids: Everybody, in any order and number of times.
        resamples: How many.
        seed: The same seed and people give the same weights.
    """
    ids = pd.Index(sorted(set(person_ids)))
    count = len(ids)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    return People(ids, np.vstack([np.ones(count), drawn]))


def intervals(samples: FloatArray, confidence: float) -> FloatArray:
    """Percentile intervals of resampled values.

    Args:
        samples: (n, resamples); NaN is left out.
        confidence: 0..1.

    Returns:
        (n, 2) low and high; NaN where nothing is left.
    """
    tail = (1 - confidence) / 2
    result = np.full((len(samples), 2), np.nan)
    whole = np.isfinite(samples).all(axis=1)
    if whole.any():
        result[whole] = np.quantile(samples[whole], [tail, 1 - tail], axis=1).T
    for number in np.flatnonzero(~whole):
        finite = samples[number][np.isfinite(samples[number])]
        if finite.size:
            result[number] = np.quantile(finite, [tail, 1 - tail])
    return result
