"""What the model package says about its own accuracy, for the reader of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.contracts.labels import EXPRESSIONS

WEAK_RECALL = 0.5
"""Under this recall the model misses most faces that display the expression."""

_SPLITS: Mapping[str, str] = {
    "test": "test pictures that played no part in making the model",
    "validation": "validation pictures, which also served to choose the model",
}
"""The sets that a package may report, the most honest first."""

_HEADLINES: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Mean recall",
    "macro_f1": "Macro F1",
    "ece": "Calibration error",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured share with its 95 % interval, 0..1, over n pictures."""

    name: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One set of labelled pictures and how the model did on it.

    Attributes:
        pictures: Which pictures, in words.
        n: How many.
        headlines: Accuracy and the like.
        recalls: Per expression: the share of pictures displaying it that the model named.
        weak: Expressions that it names less often than not.
    """

    pictures: str
    n: int
    headlines: tuple[Figure, ...]
    recalls: tuple[Figure, ...]
    weak: tuple[str, ...]


def read_evaluation(metrics: Mapping[str, Any]) -> Evaluation | None:
    """Read the package's `metrics` (`{set: {"n", "figures": {name: {value, low, high, n}}}}`).

    Returns:
        The most honest set that is there; None when the package reports none.
    """
    for split, pictures in _SPLITS.items():
        reported = metrics.get(split)
        if not isinstance(reported, Mapping) or not isinstance(reported.get("figures"), Mapping):
            continue
        figures = reported["figures"]
        recalls = _figures(figures, {f"recall_{label}": label for label in EXPRESSIONS})
        return Evaluation(
            pictures=pictures,
            n=int(reported.get("n", 0)),
            headlines=_figures(figures, _HEADLINES),
            recalls=recalls,
            weak=tuple(figure.name for figure in recalls if figure.value < WEAK_RECALL),
        )
    return None


def _figures(figures: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Figure, ...]:
    found = []
    for key, name in names.items():
        entry = figures.get(key)
        if not isinstance(entry, Mapping):
            continue
        value, low, high = (float(entry.get(part, math.nan)) for part in ("value", "low", "high"))
        # A class without a picture has no recall; its figure is not a number.
        if math.isfinite(value) and math.isfinite(low) and math.isfinite(high):
            found.append(Figure(name, value, low, high, int(entry.get("n", 0))))
    return tuple(found)
