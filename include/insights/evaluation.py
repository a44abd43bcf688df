"""What the model package says about its own accuracy, for the reader of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.contracts.labels import EXPRESSIONS
from include.statistics.estimate import Estimate

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
    headlines: Mapping[str, Estimate]
    recalls: Mapping[str, Estimate]
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
            weak=tuple(name for name, found in recalls.items() if found.value < WEAK_RECALL),
        )
    return None


def _figures(figures: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Estimate]:
    """Read the figures that have a value and an interval, under the names people know.

    A class without a picture has no recall.
    """
    read = {
        name: Estimate.from_json(figures[key])
        for key, name in names.items()
        if isinstance(figures.get(key), Mapping)
    }
    return {name: found for name, found in read.items() if found.is_defined and found.has_interval}
