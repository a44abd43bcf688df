"""Figures in the form of SageMaker's `ModelMetrics.ModelQuality` statistics.

The format is Model Monitor's for multi-class problems: "Metrics for monitoring model
quality" in the SageMaker AI developer guide. A registered model version points to the
file, and Studio shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES

CONTENT_TYPE = "application/json"
_BETAS: Mapping[str, float] = {"weighted_f0_5": 0.5, "weighted_f1": 1.0, "weighted_f2": 2.0}


def model_quality(
    confusion: Sequence[Sequence[int]], labels: Sequence[str] = EXPRESSIONS, *, seed: int = 0
) -> dict[str, Any]:
    """Return the statistics of a confusion matrix (rows true, columns answered).

    Standard deviations are the bootstrap's: drawing pictures anew is drawing the cells
    of the matrix from a multinomial distribution. The best constant classifier answers
    the most frequent label always.

    Raises:
        ValueError: The matrix is not square in the labels, or empty.
    """
    counts = np.array(confusion, np.float64)
    if counts.shape != (len(labels), len(labels)) or counts.sum() < 1:
        raise ValueError(f"a confusion matrix of shape {counts.shape} for {len(labels)} labels")
    total = int(counts.sum())
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(total, (counts / total).ravel(), size=RESAMPLES)
    resampled = drawn.reshape(-1, *counts.shape).astype(np.float64)
    constant = int(counts.sum(axis=1).argmax())
    points = _weighted(counts[None]), _weighted(_constant(counts[None], constant))
    spreads = _weighted(resampled), _weighted(_constant(resampled, constant))
    metrics: dict[str, Any] = {
        "confusion_matrix": {
            label: dict(zip(labels, (int(cell) for cell in row), strict=True))
            for label, row in zip(labels, counts, strict=True)
        }
    }
    for suffix, point, spread in zip(
        ("", "_best_constant_classifier"), points, spreads, strict=True
    ):
        for name, value in point.items():
            metrics[name + suffix] = {
                "value": float(value[0]),
                "standard_deviation": float(spread[name].std(ddof=1)),
            }
    return {
        "version": 0.0,
        "dataset": {"item_count": total},
        "multiclass_classification_metrics": metrics,
    }


def _constant(confusions: FloatArray, column: int) -> FloatArray:
    answers = np.zeros_like(confusions)
    answers[:, :, column] = confusions.sum(axis=2)
    return answers


def _weighted(confusions: FloatArray) -> dict[str, npt.NDArray[np.float64]]:
    """Return figures of confusions (R, classes, classes), means weighted by true counts."""
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    truths, answers = confusions.sum(axis=2), confusions.sum(axis=1)
    total = confusions.sum(axis=(1, 2))
    weights = truths / total[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.nan_to_num(hits / truths)
        precision = np.nan_to_num(hits / answers)
    figures = {
        "accuracy": hits.sum(axis=1) / total,
        "weighted_recall": (weights * recall).sum(axis=1),
        "weighted_precision": (weights * precision).sum(axis=1),
    }
    for name, beta in _BETAS.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            score = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
        figures[name] = (weights * np.nan_to_num(score)).sum(axis=1)
    return figures
