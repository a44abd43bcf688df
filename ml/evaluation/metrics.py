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
from include.statistics import counts, independent
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, Bootstrap, Resampled, interval, is_certain
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
    cells = confusion_counts(labels, probabilities.argmax(1), len(names))
    figures = _counted(bootstrap, probabilities, labels, names)
    figures["ece"] = calibration_figure(bootstrap, probabilities, labels)
    figures["top_2"] = bootstrap.mean(in_top(probabilities, labels, 2).astype(np.float64))
    figures["log_loss"] = bootstrap.mean(log_losses(probabilities, labels))
    figures["brier"] = bootstrap.mean(brier_scores(probabilities, labels))
    order = [*WHOLE, *(name for name in figures if name not in WHOLE)]
    confusion = tuple(tuple(int(cell) for cell in row) for row in cells)
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


def f1_of_overlap(overlap: Estimate) -> Estimate:
    """Return the F1 of a class by how far what shows it and what was answered so overlap.

    Args:
        overlap: Share of right answers among the pictures that show the class, are answered
            with it, or both (Jaccard's index). F1 rises with it: 2 J / (1 + J).
    """
    value, low, high = (2 * end / (1 + end) for end in (overlap.value, overlap.low, overlap.high))
    return Estimate(value, low, high, overlap.n)


def resampled_confusions(
    bootstrap: Bootstrap, labels: Labels, answers: Labels, classes: int
) -> FloatArray:
    """Return the confusion counts of every resample, shape (resamples, classes, classes)."""
    cells = np.zeros((len(labels), classes * classes))
    cells[np.arange(len(labels)), labels * classes + answers] = 1
    return bootstrap.totals(cells).reshape(-1, classes, classes)


def resampled_macro_f1(
    bootstrap: Bootstrap, labels: Labels, answers: Labels, classes: int = len(EXPRESSIONS)
) -> Resampled:
    """Return the macro F1 of answers, on the pictures and on every resample of them."""
    point = macro_f1(confusion_counts(labels, answers, classes)[None].astype(np.float64))
    drawn = macro_f1(resampled_confusions(bootstrap, labels, answers, classes))
    return Resampled(float(point[0]), drawn)


def macro_f1_less(
    bootstrap: Bootstrap,
    labels: Labels,
    answers: Labels,
    others: Labels,
    classes: int = len(EXPRESSIONS),
) -> Estimate:
    """Return the macro F1 of `answers` less that of `others`, paired on the same pictures.

    Two that answer every picture alike may differ on pictures that nobody has seen: in a class
    at most on the share that none among those which show it or are answered with it leaves
    possible.
    """
    if np.array_equal(answers, others):
        behind = [int(((labels == one) | (answers == one)).sum()) for one in np.unique(labels)]
        return independent.mean([counts.no_change(n) for n in behind], len(labels))
    one, other = (resampled_macro_f1(bootstrap, labels, a, classes) for a in (answers, others))
    return one.less(other).estimate(len(labels))


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
    confusion = confusion_counts(labels, answers, len(names))
    drawn = resampled_confusions(bootstrap, labels, answers, len(names))
    point_of, drawn_of = _by_class(confusion[None].astype(np.float64)), _by_class(drawn)
    shown, given = confusion.sum(1), confusion.sum(0)
    behind = {"recall": shown, "precision": given, "f1": shown}
    either = {**behind, "f1": shown + given - np.diagonal(confusion)}
    by_class: dict[str, dict[str, Estimate]] = {kind: {} for kind in behind}
    for kind, found in by_class.items():
        for index, name in enumerate(names):
            found[name] = _of_class(
                Resampled(float(point_of[kind][0, index]), drawn_of[kind][:, index]),
                int(behind[kind][index]),
                int(either[kind][index]),
                is_f1=kind == "f1",
            )
    n = len(labels)
    recall = Resampled(
        float(np.nanmean(point_of["recall"])), np.nanmean(drawn_of["recall"], axis=1)
    )
    macro_f1 = resampled_macro_f1(bootstrap, labels, answers, len(names))
    return {
        "accuracy": bootstrap.mean((answers == labels).astype(np.float64)),
        "balanced_accuracy": _over_classes(recall, by_class["recall"], n),
        "macro_f1": _over_classes(macro_f1, by_class["f1"], n),
    } | {
        f"{kind}_{name}": by_class[kind][name]
        for name in names
        for kind in ("recall", "precision", "f1")
    }


def _of_class(figure: Resampled, n: int, either: int, *, is_f1: bool) -> Estimate:
    """Return a class's figure; where it is 0 or 1 with the exact interval of `either` pictures."""
    if not is_f1 or figure.value not in {0.0, 1.0} or not either:
        return interval(figure.value, figure.drawn, n, share_of=None if is_f1 else n)
    return f1_of_overlap(counts.exact_share(figure.value, either, n))


def _over_classes(figure: Resampled, by_class: Mapping[str, Estimate], n: int) -> Estimate:
    """Return a mean over classes; where every picture says the same, from the classes' own."""
    if is_certain(figure.drawn):
        return independent.mean([one for one in by_class.values() if one.is_defined], n)
    return figure.estimate(n)


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
