"""Offsets per class, so that rare expressions are answered more readily.

Logit adjustment (Menon et al. 2021, arXiv:2007.07314, post-hoc form): each logit gets
`-strength * log(share of the class)`. One number is fitted for all classes: a free offset
each would follow the twenty pictures that validation has of disgust.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from include.statistics.bootstrap import Bootstrap
from include.statistics.estimate import Estimate
from ml.evaluation.metrics import macro_f1_less

STRENGTHS = tuple(np.round(np.linspace(0, 1, 21), 2).tolist())
"""What is tried: 0 leaves the answers alone, 1 answers as if all classes were as frequent."""

_FOLDS = 5

Logits = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassOffsets:
    """Fitted offsets, with what they gained where they were not fitted.

    Attributes:
        offsets: Added to the logits, one per class.
        strength: Of the adjustment, 0 to 1.
        gain: Macro-F1 with offsets less without, out of fold: of the whole procedure, the
            choice of the strength included.
            Paired on the same pictures.
    """

    offsets: tuple[float, ...]
    strength: float
    gain: Estimate


def fit_class_offsets(
    logits: Logits, labels: Labels, *, temperature: float, seed: int = 0
) -> ClassOffsets:
    """Fit the strength with the best macro-F1.

    The gain comes from five folds: each is answered with the strength that the other four
    chose, so that no picture judges a number it helped to choose.

    Args:
        logits: Of validation pictures, shape (N, classes), not scaled.
        labels: True class per row, shape (N,).
        temperature: Logits are divided by it before the softmax.
        seed: Of the folds and the bootstrap.
    """
    held_out = np.empty(len(labels), np.int64)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for chosen_on, judged_on in folds.split(logits, labels):
        offsets = _best(logits[chosen_on], labels[chosen_on], temperature)[0]
        held_out[judged_on] = (logits[judged_on] + offsets).argmax(axis=1)
    plain = logits.argmax(axis=1)
    bootstrap = Bootstrap(len(labels), seed=seed)
    offsets, strength = _best(logits, labels, temperature)
    return ClassOffsets(
        offsets=tuple(round(float(value), 5) for value in offsets),
        strength=strength,
        gain=macro_f1_less(bootstrap, labels, held_out, plain, logits.shape[1]),
    )


def _best(logits: Logits, labels: Labels, temperature: float) -> tuple[Logits, float]:
    """Return the offsets of the strength with the best macro-F1, the weakest of equals."""
    classes = logits.shape[1]
    # One picture more of each class: a class that is missing gets no infinite offset.
    shares = (np.bincount(labels, minlength=classes) + 1) / (len(labels) + classes)
    direction = -np.log(shares) * temperature
    direction -= direction.min()
    scores = [_macro_f1(labels, (logits + s * direction).argmax(axis=1)) for s in STRENGTHS]
    strength = STRENGTHS[int(np.argmax(scores))]
    return strength * direction, strength


def _macro_f1(labels: Labels, answers: Labels) -> float:
    return float(f1_score(labels, answers, average="macro", zero_division=0))
