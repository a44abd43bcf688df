"""Accuracy as pictures get worse, and what it loses against the same pictures unspoilt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.statistics.bootstrap import RESAMPLES, Bootstrap
from include.statistics.estimate import Estimate
from ml.data.records import ImageArray
from ml.evaluation.corruptions import CORRUPTIONS, Corruption
from ml.evaluation.metrics import Labels, Probabilities

Answer = Callable[[list[ImageArray]], Probabilities]


@dataclass(frozen=True, slots=True)
class Strength:
    """One corruption at one strength.

    Attributes:
        strength: In the corruption's unit.
        accuracy: On the spoilt pictures.
        loss: Accuracy on the unspoilt pictures less that on the spoilt, paired.
        unchanged: Share of pictures that keep their answer.
    """

    strength: float
    accuracy: Estimate
    loss: Estimate
    unchanged: Estimate


@dataclass(frozen=True, slots=True)
class Robustness:
    """One corruption's curve; `clean` is the accuracy before it."""

    name: str
    unit: str
    clean: Estimate
    strengths: tuple[Strength, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "corruption": self.name,
            "unit": self.unit,
            "clean": self.clean.to_json(),
            "strengths": [
                {
                    "strength": item.strength,
                    "accuracy": item.accuracy.to_json(),
                    "loss": item.loss.to_json(),
                    "unchanged": item.unchanged.to_json(),
                }
                for item in self.strengths
            ],
        }


def robustness(
    images: Sequence[ImageArray],
    labels: Labels,
    answer: Answer,
    *,
    corruptions: Sequence[Corruption] = CORRUPTIONS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Robustness, ...]:
    """Measure every corruption on the same pictures.

    Args:
        images: N pictures, grey or BGR.
        labels: Their truths, shape (N,).
        answer: Probabilities (N, 7) of pictures.
        corruptions: Which to measure.
        resamples: Bootstrap resamples, the same for all figures.
        seed: Seed of what is random in a corruption, the same at every strength.
    """
    bootstrap = Bootstrap(len(images), resamples=resamples, seed=seed)
    clean = answer(list(images)).argmax(axis=1)
    right = (clean == labels).astype(np.float64)
    clean_figure = bootstrap.mean(right)
    curves = []
    for corruption in corruptions:
        steps = []
        for strength in corruption.strengths:
            now = answer(corruption.spoil(images, strength, seed=seed)).argmax(axis=1)
            hits = (now == labels).astype(np.float64)
            same = (now == clean).astype(np.float64)
            steps.append(
                Strength(
                    strength,
                    bootstrap.mean(hits),
                    bootstrap.mean(right - hits),
                    bootstrap.mean(same),
                )
            )
        curves.append(Robustness(corruption.name, corruption.unit, clean_figure, tuple(steps)))
    return tuple(curves)
