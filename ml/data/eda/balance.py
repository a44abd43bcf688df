"""What each way of balancing does to the number of pictures a class trains with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EFFECTIVE_BETA = 0.999
"""The class-balanced loss's beta, as the recipes default to."""


@dataclass(frozen=True, slots=True)
class Balance:
    """One option, fully applied.

    Attributes:
        name: As in a recipe's `loss.balancing`.
        title: For people.
        real: (classes,) expected distinct real pictures of a class in one epoch.
        repeated: (classes,) further draws of those same pictures.
        synthetic: (classes,) pictures made between real ones.
        effect: What it does, in a sentence.
    """

    name: str
    title: str
    real: Floats
    repeated: Floats
    synthetic: Floats
    effect: str

    @property
    def total(self) -> Floats:
        """Pictures of each class in one epoch, shape (classes,)."""
        return self.real + self.repeated + self.synthetic

    @property
    def imbalance(self) -> float:
        """Largest class over smallest class."""
        return float(self.total.max() / max(self.total.min(), 1e-9))


def balances(counts: npt.NDArray[np.int64]) -> list[Balance]:
    """Return every option for classes of `counts` pictures, shape (classes,).

    Counts are those at full strength, before an epoch is cut or repeated to a common
    length. The class-balanced loss (Cui et al. 2019) draws every picture once and weighs
    it; its bars are the weights as the number of pictures they are worth.
    """
    n = counts.astype(np.float64)
    none = np.zeros_like(n)
    present = n > 0
    draws = np.where(present, n.sum() / max(1, int(present.sum())), 0.0)
    seen = n * -np.expm1(draws * np.log1p(-1 / np.maximum(n, 2)))
    seen = np.where(n == 1, 1.0, seen)
    smallest, largest = n[present].min(), n.max()
    weight = np.where(present, (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA ** np.maximum(n, 1)), 0)
    worth = weight * n * n.sum() / (weight * n).sum()
    kept = np.where(present, smallest, 0.0)
    return [
        Balance("none", "None", n, none, none, "Every picture once."),
        Balance(
            "weighted_sampler",
            "Weighted sampler",
            seen,
            draws - seen,
            none,
            "Equal draws with replacement: rare faces repeat, common ones are partly unseen.",
        ),
        Balance(
            "class_balanced_loss",
            "Class-balanced loss",
            np.minimum(worth, n),
            np.maximum(worth - n, 0),
            none,
            f"Every picture once; its loss weighs 1 / effective number (beta {EFFECTIVE_BETA}).",
        ),
        Balance(
            "undersampling",
            "Undersampling",
            kept,
            none,
            none,
            "Every class cut to the rarest: most labels are thrown away.",
        ),
        Balance(
            "smote",
            "SMOTE",
            n,
            none,
            np.where(present, largest - n, 0.0),
            "Every class filled to the largest with pictures between neighbours.",
        ),
    ]
