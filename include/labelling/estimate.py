"""What labelled instants say of everything that was published, by the design's weights.

A figure over the frame is a ratio of weighted sums, weights 1 / inclusion probability
(Hajek estimator; Sarndal, Swensson and Wretman 1992, "Model Assisted Survey Sampling",
sections 5.6 and 5.7). Instants without a label yet are taken as missing at random: ask
annotators to answer a queue to its end.

Truth is the label with most votes. Ties, and faces most people find no expression of the
seven in, cannot be judged; their share is a figure of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.labelling.votes import ANSWERS
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES
from include.statistics.clusters import ClusterBootstrap, effective_n, ratio
from include.statistics.estimate import Estimate
from ml.evaluation.metrics import BINS, confidence_bins, f1_of_overlap, macro_f1

_CLASSES = len(EXPRESSIONS)


@dataclass(frozen=True, slots=True)
class LabelledSample:
    """Labelled instants of one draw, or of several whose frames do not overlap.

    Attributes:
        respondents: Who each of the n instants shows.
        inclusion_probabilities: Shape (n,), above 0, up to 1.
        votes: Answers in the order of `ANSWERS`, shape (n, 10), each row at least one.
        probabilities: What the model answered, shape (n, 7), rows sum to 1.
        abstained: Where the model answered "not readable", shape (n,).

    Raises:
        ValueError: Shapes do not belong together, or a value is out of its range.
    """

    respondents: tuple[str, ...]
    inclusion_probabilities: FloatArray
    votes: npt.NDArray[np.int64]
    probabilities: FloatArray
    abstained: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.respondents)
        shapes = (self.votes.shape, self.probabilities.shape, self.abstained.shape)
        if n == 0 or shapes != ((n, len(ANSWERS)), (n, _CLASSES), (n,)):
            raise ValueError(f"{shapes} do not belong to {n} labelled instants")
        chances = self.inclusion_probabilities
        if chances.shape != (n,) or not ((chances > 0) & (chances <= 1)).all():
            raise ValueError("inclusion probabilities are above 0 and up to 1")
        if (self.votes.sum(axis=1) < 1).any():
            raise ValueError("an instant has no vote")


@dataclass(frozen=True, slots=True)
class Estimates:
    """Figures of the published results, each with its 95 % interval.

    Attributes:
        labelled_n: Instants with a label.
        judged_n: Those whose label is one of the seven expressions.
        respondents_n: People among the judged.
        effective_n: Judged instants' worth after weighting (Kish).
        figures: `accuracy`, `macro_f1`, `ece`, `overconfidence` (mean confidence less
            accuracy) and `recall_`, `precision_`, `f1_` per label of the model's likeliest
            expression, abstained or not, as sealed figures are; `accuracy_answered` of
            what was published; `abstention_rate` and `unjudged_share` of all labelled.
        confusion: Weighted shares, rows true, columns answered, in label order.
    """

    labelled_n: int
    judged_n: int
    respondents_n: int
    effective_n: float
    figures: Mapping[str, Estimate]
    confusion: tuple[tuple[float, ...], ...]


def truth(votes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the expression with most votes per row, or -1: a tie, or none of the seven."""
    most = votes.max(axis=1)
    first = votes.argmax(axis=1)
    alone = (votes == most[:, None]).sum(axis=1) == 1
    return np.where(alone & (first < _CLASSES), first, -1)


def estimate(sample: LabelledSample, *, resamples: int = RESAMPLES, seed: int = 0) -> Estimates:
    """Estimate the figures of everything published from what was labelled.

    Args:
        sample: Labelled instants with their design.
        resamples: Bootstrap resamples of the respondents.
        seed: Seed of the bootstrap.
    """
    labels = truth(sample.votes)
    judged = labels >= 0
    weights = 1.0 / sample.inclusion_probabilities
    everybody = ClusterBootstrap(sample.respondents, resamples=resamples, seed=seed)
    n = len(labels)
    figures = {
        "abstention_rate": everybody.share(sample.abstained, weights),
        "unjudged_share": everybody.share(~judged, weights),
    }
    if not judged.any():
        empty = ((0.0,) * _CLASSES,) * _CLASSES
        return Estimates(n, 0, 0, 0.0, figures, empty)
    people = tuple(who for who, kept in zip(sample.respondents, judged, strict=True) if kept)
    bootstrap = ClusterBootstrap(people, resamples=resamples, seed=seed)
    kept = (sample.probabilities[judged], labels[judged], weights[judged])
    confusion = _confusion_columns(*kept)
    hits = kept[0].argmax(axis=1) == kept[1]
    figures["accuracy"] = bootstrap.share(hits, kept[2])
    figures |= _from_confusion(bootstrap, confusion, kept[1], kept[0].argmax(axis=1), kept[2])
    figures |= _calibration(bootstrap, *kept)
    answered = ~sample.abstained[judged]
    figures["accuracy_answered"] = bootstrap.share(hits, kept[2] * answered)
    shares = confusion.sum(axis=0).reshape(_CLASSES, _CLASSES) / kept[2].sum()
    return Estimates(
        n,
        int(judged.sum()),
        bootstrap.people_n,
        effective_n(kept[2]),
        figures,
        tuple(tuple(float(cell) for cell in row) for row in shares),
    )


def _confusion_columns(
    probabilities: FloatArray, labels: npt.NDArray[np.int64], weights: FloatArray
) -> FloatArray:
    """Return each row's weight in its confusion cell, shape (n, 49)."""
    columns = np.zeros((len(labels), _CLASSES**2))
    columns[np.arange(len(labels)), labels * _CLASSES + probabilities.argmax(axis=1)] = weights
    return columns


def _from_confusion(
    bootstrap: ClusterBootstrap,
    confusion: FloatArray,
    labels: npt.NDArray[np.int64],
    answers: npt.NDArray[np.int64],
    weights: FloatArray,
) -> dict[str, Estimate]:
    """Return macro F1, and recall, precision and F1 per label."""
    shape = (-1, _CLASSES, _CLASSES)
    found = {
        "macro_f1": bootstrap.figure(
            confusion, lambda sums: macro_f1(sums.reshape(shape)), n=len(labels)
        )
    }
    for index, name in enumerate(EXPRESSIONS):
        shown, given = labels == index, answers == index
        hit, shown_n = shown & given, int(shown.sum())
        found |= {
            f"recall_{name}": bootstrap.share(hit, weights * shown),
            f"precision_{name}": bootstrap.share(hit, weights * given),
            f"f1_{name}": f1_of_overlap(bootstrap.share(hit, weights * (shown | given), n=shown_n)),
        }
    return found


def _calibration(
    bootstrap: ClusterBootstrap,
    probabilities: FloatArray,
    labels: npt.NDArray[np.int64],
    weights: FloatArray,
) -> dict[str, Estimate]:
    """Return the expected calibration error and the overconfidence.

    The error's interval leans upwards, as `ml.evaluation.metrics.calibration_figure` says;
    the overconfidence is linear and has no such bias, so the rule of `health` reads that.
    """
    confidence = probabilities.max(axis=1)
    excess = (confidence - (probabilities.argmax(axis=1) == labels)) * weights
    cells = np.zeros((len(labels), BINS + 1))
    cells[np.arange(len(labels)), confidence_bins(confidence)] = excess
    cells[:, BINS] = weights
    n = len(labels)
    return {
        "ece": bootstrap.figure(
            cells, lambda sums: np.abs(sums[:, :BINS]).sum(axis=1) / sums[:, BINS], n=n
        ),
        "overconfidence": bootstrap.figure(np.column_stack([excess, weights]), ratio, n=n),
    }
