"""How far confidence can be trusted: the reliability diagram and the abstention curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import Bootstrap
from include.statistics.estimate import Estimate
from ml.evaluation.metrics import BINS, confidence_bins

CURVE_COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Shares of answered pictures at which the abstention curve is tabled."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of confidence; `accuracy` is NaN with n = 0 where no answer falls into it."""

    low: float
    high: float
    mean_confidence: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy where the most confident `coverage` of the pictures are answered."""

    coverage: float
    threshold: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Abstention:
    """The accuracy that setting doubtful answers aside buys.

    Attributes:
        curve: From every picture answered down to a tenth.
        sealed: The point of the package's own threshold.
        sealed_coverage: Share of the pictures answered there.
        area: Area under the risk-coverage curve (El-Yaniv and Wiener 2010; Geifman and
            El-Yaniv 2017): the mean error over all coverages, less is better.
    """

    curve: tuple[CurvePoint, ...]
    sealed: CurvePoint
    sealed_coverage: Estimate
    area: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "curve": [_point_json(point) for point in self.curve],
            "sealed": _point_json(self.sealed),
            "sealed_coverage": self.sealed_coverage.to_json(),
            "area_under_risk_coverage": self.area.to_json(),
        }


def reliability(
    bootstrap: Bootstrap, confidence: FloatArray, correct: npt.NDArray[np.bool_]
) -> tuple[Bin, ...]:
    """Return the bins of the reliability diagram (DeGroot and Fienberg 1983)."""
    bins = confidence_bins(confidence)
    result = []
    for index in range(BINS):
        inside = bins == index
        mean = float(confidence[inside].mean()) if inside.any() else float("nan")
        accuracy = bootstrap.share(correct, inside)
        result.append(Bin(index / BINS, (index + 1) / BINS, mean, accuracy))
    return tuple(result)


def reliability_json(bins: tuple[Bin, ...]) -> list[dict[str, Any]]:
    """Return the bins that hold answers as plain values."""
    return [
        {
            "low": round(item.low, 5),
            "high": round(item.high, 5),
            "mean_confidence": round(item.mean_confidence, 5),
            "accuracy": item.accuracy.to_json(),
        }
        for item in bins
        if item.accuracy.n
    ]


def abstention(
    bootstrap: Bootstrap,
    confidence: FloatArray,
    correct: npt.NDArray[np.bool_],
    sealed_threshold: float,
) -> Abstention:
    """Measure accuracy against coverage.

    Args:
        bootstrap: Resamples of the N pictures.
        confidence: Probability of the answer per picture, shape (N,).
        correct: Whether the answer is right, shape (N,).
        sealed_threshold: Confidence under which the package sets an answer aside.
    """
    order = np.argsort(-confidence, kind="stable")
    curve = []
    for coverage in CURVE_COVERAGES:
        kept = max(1, round(coverage * len(order)))
        among = np.zeros(len(order), np.bool_)
        among[order[:kept]] = True
        threshold = float(confidence[order[kept - 1]])
        curve.append(CurvePoint(kept / len(order), threshold, bootstrap.share(correct, among)))
    answered = confidence >= sealed_threshold
    sealed = CurvePoint(
        float(answered.mean()), sealed_threshold, bootstrap.share(correct, answered)
    )
    everyone = np.ones(len(order), np.bool_)
    return Abstention(
        tuple(curve), sealed, bootstrap.share(answered, everyone), _area(bootstrap, order, correct)
    )


def risk_coverage(
    confidence: FloatArray, correct: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return coverages (N,) rising to 1 and the accuracy (N,) at each."""
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    return kept / len(order), np.cumsum(correct[order]) / kept


def _area(
    bootstrap: Bootstrap, order: npt.NDArray[np.int64], correct: npt.NDArray[np.bool_]
) -> Estimate:
    wrong = (~correct[order]).astype(np.float64)
    kept = np.arange(1, len(order) + 1)
    point = float((np.cumsum(wrong) / kept).mean())

    def of_counts(counts: FloatArray) -> FloatArray:
        sorted_counts = counts[:, order]
        total = np.cumsum(sorted_counts, axis=1)
        risk = np.cumsum(sorted_counts * wrong, axis=1) / np.maximum(total, 1)
        return np.asarray((risk * sorted_counts).sum(axis=1) / sorted_counts.sum(axis=1))

    return bootstrap.statistic(point, of_counts)


def _point_json(point: CurvePoint) -> dict[str, Any]:
    return {
        "coverage": round(point.coverage, 5),
        "threshold": round(point.threshold, 5),
        "accuracy": point.accuracy.to_json(),
    }
