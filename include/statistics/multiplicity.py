"""Many tests at once: p-values adjusted over a family of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.stats import false_discovery_control

from include.statistics.arrays import FloatArray

Method = Literal["holm", "bh"]


def adjust(p_values: Sequence[float] | FloatArray, method: Method) -> FloatArray:
    """Return p-values adjusted over their family, in the order given.

    Args:
        p_values: Of the whole family, shape (n,), each 0 to 1; none gives none.
        method: `holm` bounds the chance of any false finding (Holm 1979, Scandinavian
            Journal of Statistics 6, 65-70), however the tests depend on each other; `bh` the
            share of false ones among the findings (Benjamini and Hochberg 1995, J. R.
            Statist. Soc. B 57, 289-300), for tests that are independent or rise together.
    """
    family = np.asarray(p_values, np.float64)
    if not family.size:
        return family
    if method == "bh":
        return np.asarray(false_discovery_control(family))
    order = np.argsort(family)
    steps = family[order] * np.arange(len(family), 0, -1)
    adjusted = np.empty_like(family)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
