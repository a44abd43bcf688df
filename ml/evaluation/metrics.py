"""Figures of a classifier, each with a bootstrap interval.

The definitions are scikit-learn's, and a test holds them together. They are computed
from counts here because a bootstrap needs each of them a thousand times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, Bootstrap, interval
from include.statistics.estimate import Estimate

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

BINS = 15
"""Equal bins of confidence in the calibration error and the reliability diagram."""

WHOLE: tuple[str, ...] = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "top_2",
    "ece",
    "log_loss",
    "brier",
)
"""Figures of all pictures together, in the order of every table."""

_FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one set of pictures.

    Attributes:
        figures: Those of `WHOLE`, and `recall_{label}`, `precision_{label}`,
            `f1_{label}` per label. The n of a recall or F1 counts the pictures that
            show the label, that of a precision the pictures answered with it. A label
            that no picture shows has NaN and is left out of the means.
        confusion: Counts, rows true, columns answered, in label order.
    """

    n: int
    figures: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, rounded to five decimals."""
        return {
            "n": self.n,
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
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
    bootstrap = Bootstrap(len(labels), resamples=resamples, seed=seed)
    counts = confusion_counts(labels, probabilities.argmax(1), len(names))
    figures = _counted(bootstrap, probabilities, labels, names)
    figures["ece"] = calibration_figure(bootstrap, probabilities, labels)
    figures["top_2"] = bootstrap.mean(in_top(probabilities, labels, 2).astype(np.float64))
    figures["log_loss"] = bootstrap.mean(log_losses(probabilities, labels))
    figures["brier"] = bootstrap.mean(brier_scores(probabilities, labels))
    order = [*WHOLE, *(name for name in figures if name not in WHOLE)]
    confusion = tuple(tuple(int(cell) for cell in row) for row in counts)
    return Evaluation(len(labels), {name: figures[name] for name in order}, confusion)


def confusion_counts(labels: Labels, answers: Labels, classes: int) -> Labels:
    """Return counts (classes, classes), rows true, columns answered."""
    flat = np.bincount(labels * classes + answers, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def macro_f1(confusions: FloatArray) -> FloatArray:
    """Return the macro F1 of confusion counts (R, classes, classes), shape (R,).

    The mean is over the classes that are shown at least once.
    """
    return np.asarray(np.nanmean(_by_class(confusions)["f1"], axis=1))


def resampled_confusions(
    bootstrap: Bootstrap, labels: Labels, answers: Labels, classes: int
) -> FloatArray:
    """Return the confusion counts of every resample, shape (resamples, classes, classes)."""
    cells = np.zeros((len(labels), classes * classes))
    cells[np.arange(len(labels)), labels * classes + answers] = 1
    return bootstrap.totals(cells).reshape(-1, classes, classes)


def macro_f1_figure(
    bootstrap: Bootstrap, labels: Labels, answers: Labels, classes: int = len(EXPRESSIONS)
) -> Estimate:
    """Return the macro F1 of answers with its interval."""
    point = macro_f1(confusion_counts(labels, answers, classes)[None].astype(np.float64))
    drawn = macro_f1(resampled_confusions(bootstrap, labels, answers, classes))
    return interval(float(point[0]), drawn, len(labels))


def _by_class(confusions: FloatArray) -> dict[str, FloatArray]:
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    truths, answers = confusions.sum(axis=2), confusions.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "recall": np.where(truths > 0, hits / truths, np.nan),
            "precision": np.where(answers > 0, hits / answers, 0.0),
            "f1": np.where(truths > 0, 2 * hits / (truths + answers), np.nan),
        }


def _counted(
    bootstrap: Bootstrap, probabilities: Probabilities, labels: Labels, names: tuple[str, ...]
) -> dict[str, Estimate]:
    answers = probabilities.argmax(1)
    counts = confusion_counts(labels, answers, len(names))
    drawn = resampled_confusions(bootstrap, labels, answers, len(names))
    point_of, drawn_of = _by_class(counts[None].astype(np.float64)), _by_class(drawn)
    n = len(labels)
    recall = interval(
        float(np.nanmean(point_of["recall"])), np.nanmean(drawn_of["recall"], axis=1), n
    )
    figures = {
        "accuracy": bootstrap.mean((answers == labels).astype(np.float64)),
        "balanced_accuracy": recall,
        "macro_f1": macro_f1_figure(bootstrap, labels, answers, len(names)),
    }
    behind = {"recall": counts.sum(1), "precision": counts.sum(0), "f1": counts.sum(1)}
    for index, name in enumerate(names):
        for kind in ("recall", "precision", "f1"):
            among = int(behind[kind][index])
            figures[f"{kind}_{name}"] = interval(
                float(point_of[kind][0, index]),
                drawn_of[kind][:, index],
                among,
                share_of=None if kind == "f1" else among,
            )
    return figures


def in_top(probabilities: Probabilities, labels: Labels, k: int) -> npt.NDArray[np.bool_]:
    """Tell per row whether the truth is among the `k` most probable answers, shape (N,)."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return np.asarray((best == labels[:, None]).any(axis=1))


def log_losses(probabilities: Probabilities, labels: Labels) -> FloatArray:
    """Return the negative log-likelihood of the truth per row, nats, shape (N,)."""
    chosen = np.clip(probabilities[np.arange(len(labels)), labels], _FLOOR, 1)
    return np.asarray(-np.log(chosen))


def brier_scores(probabilities: Probabilities, labels: Labels) -> FloatArray:
    """Return the Brier score per row over all classes (Brier 1950), 0 to 2, shape (N,)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return np.asarray(((probabilities - truth) ** 2).sum(axis=1))


def calibration_error(confidence: Probabilities, correct: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error over 15 equal bins (Guo et al. 2017), 0 to 1."""
    bins = confidence_bins(confidence)
    gap = np.bincount(bins, weights=confidence - correct, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))


def confidence_bins(confidence: Probabilities) -> Labels:
    """Return the bin of each confidence, 0 to `BINS` - 1, shape (N,)."""
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def calibration_figure(
    bootstrap: Bootstrap, probabilities: Probabilities, labels: Labels
) -> Estimate:
    """Return the expected calibration error with its interval.

    A resample repeats pictures and so adds noise to every bin, which the error counts
    as miscalibration: the interval leans upwards and need not hold the value in its
    middle (Kumar et al. 2019 on the estimator's bias).
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    cells = np.zeros((len(labels), BINS))
    cells[np.arange(len(labels)), confidence_bins(confidence)] = confidence - correct
    drawn = np.abs(bootstrap.totals(cells)).sum(axis=1) / len(labels)
    return interval(calibration_error(confidence, correct), drawn, len(labels))
