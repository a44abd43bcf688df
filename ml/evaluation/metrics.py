"""Figures of a classifier, each with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

RESAMPLES = 1000
_BINS = 15
_FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with the 95 % percentile interval of a bootstrap over `n` pictures."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one set of pictures.

    Attributes:
        figures: `accuracy`, `balanced_accuracy`, `macro_f1`, `ece`, `log_loss`, and
            `recall_{label}`, `precision_{label}`, `f1_{label}` per label.
        confusion: Counts, rows true, columns answered, in label order.
    """

    n: int
    figures: Mapping[str, Figure]
    confusion: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, rounded to five decimals."""
        return {
            "n": self.n,
            "figures": {
                name: {k: round(v, 5) if k != "n" else v for k, v in asdict(figure).items()}
                for name, figure in self.figures.items()
            },
            "confusion": [list(row) for row in self.confusion],
        }


def evaluate(
    probabilities: Probabilities,
    labels: Labels,
    *,
    names: tuple[str, ...] = EXPRESSIONS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Measure answers against truth.

    Args:
        probabilities: Shape (N, classes), rows sum to 1.
        labels: True class per row, shape (N,).
        names: Class names in column order.
        resamples: Bootstrap resamples of the rows.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: No row, or shapes that do not belong together.
    """
    if len(labels) == 0 or probabilities.shape != (len(labels), len(names)):
        raise ValueError(f"{probabilities.shape} answers for {len(labels)} labels")
    columns = _Columns.of(probabilities, labels)
    point = _figures(columns, names)
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in point}
    for _ in range(resamples):
        rows = generator.integers(0, len(labels), len(labels))
        for name, value in _figures(columns.take(rows), names).items():
            drawn[name].append(value)
    figures = {name: _interval(point[name], values, len(labels)) for name, values in drawn.items()}
    counts = np.bincount(labels, minlength=len(names))
    for index, name in enumerate(names):
        figure = figures[f"recall_{name}"]
        figures[f"recall_{name}"] = Figure(
            figure.value, figure.low, figure.high, int(counts[index])
        )
    confusion = tuple(tuple(int(cell) for cell in row) for row in _confusion(columns, len(names)))
    return Evaluation(len(labels), figures, confusion)


@dataclass(frozen=True, slots=True)
class _Columns:
    truth: Labels
    answer: Labels
    confidence: Probabilities
    loss: Probabilities

    @classmethod
    def of(cls, probabilities: Probabilities, labels: Labels) -> _Columns:
        chosen = np.clip(probabilities[np.arange(len(labels)), labels], _FLOOR, 1)
        return cls(labels, probabilities.argmax(1), probabilities.max(1), -np.log(chosen))

    def take(self, rows: Labels) -> _Columns:
        return _Columns(self.truth[rows], self.answer[rows], self.confidence[rows], self.loss[rows])


def _confusion(columns: _Columns, classes: int) -> Labels:
    flat = np.bincount(columns.truth * classes + columns.answer, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def _figures(columns: _Columns, names: tuple[str, ...]) -> dict[str, float]:
    counts = _confusion(columns, len(names)).astype(np.float64)
    hits, truths, answers = np.diag(counts), counts.sum(1), counts.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(truths > 0, hits / truths, np.nan)
        precision = np.where(answers > 0, hits / answers, 0.0)
        f1 = np.where(truths > 0, 2 * hits / (truths + answers), np.nan)
    figures = {
        "accuracy": float(hits.sum() / counts.sum()),
        "balanced_accuracy": float(np.nanmean(recall)),
        "macro_f1": float(np.nanmean(f1)),
        "ece": calibration_error(columns.confidence, columns.answer == columns.truth),
        "log_loss": float(columns.loss.mean()),
    }
    for index, name in enumerate(names):
        figures[f"recall_{name}"] = float(recall[index])
        figures[f"precision_{name}"] = float(precision[index])
        figures[f"f1_{name}"] = float(f1[index])
    return figures


def calibration_error(confidence: Probabilities, correct: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error over 15 equal bins (Guo et al. 2017), 0 to 1."""
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gap = np.bincount(bins, weights=confidence - correct, minlength=_BINS)
    return float(np.abs(gap).sum() / len(confidence))


def _interval(value: float, drawn: list[float], n: int) -> Figure:
    finite = np.array([v for v in drawn if np.isfinite(v)])
    if not len(finite):
        return Figure(value, value, value, n)
    low, high = np.percentile(finite, [2.5, 97.5])
    return Figure(value, float(low), float(high), n)
