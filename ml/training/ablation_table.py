"""Variants side by side: figures with intervals, differences paired on the same pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.statistics import words
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import Bootstrap, Resampled
from include.statistics.estimate import Estimate
from ml.evaluation.metrics import log_losses, resampled_macro_f1

METRICS = ("accuracy", "macro_f1", "log_loss")

_COLUMNS = ("value", "low", "high")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One variant's answers.

    Attributes:
        key: What was varied.
        value: To what.
        probabilities: Answers for the validation rows, shape (N, classes).
        steps: Training steps.
        seconds: Time in training steps.
    """

    key: str
    value: str
    probabilities: FloatArray
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        outcome: The variant.
        figures: By metric.
        differences: By metric, less the first variant of the same key; None for it.
    """

    outcome: Outcome
    figures: dict[str, Estimate]
    differences: dict[str, Estimate] | None


def compare(outcomes: Sequence[Outcome], labels: npt.NDArray[np.int64]) -> list[Row]:
    """Return a row per variant, in order.

    All figures come from the same resamples of the rows, so the interval of a
    difference is a paired one.

    Args:
        outcomes: Variants; the first of each key is what its others are held to.
        labels: True class of each row, shape (N,).
    """
    bootstrap = Bootstrap(len(labels))
    first: dict[str, dict[str, Resampled]] = {}
    rows = []
    for outcome in outcomes:
        drawn = _drawn(bootstrap, outcome.probabilities, labels)
        reference = first.setdefault(outcome.key, drawn)
        n = len(labels)
        rows.append(
            Row(
                outcome,
                {name: metric.estimate(n) for name, metric in drawn.items()},
                None
                if reference is drawn
                else {
                    name: metric.less(reference[name]).estimate(n) for name, metric in drawn.items()
                },
            )
        )
    return rows


def _drawn(
    bootstrap: Bootstrap, probabilities: FloatArray, labels: npt.NDArray[np.int64]
) -> dict[str, Resampled]:
    answers = np.asarray(probabilities.argmax(axis=1), np.int64)
    right = (answers == labels).astype(np.float64)
    losses = log_losses(probabilities, labels)
    sums = bootstrap.totals(np.stack([right, losses], axis=1)) / len(labels)
    return {
        "accuracy": Resampled(float(right.mean()), sums[:, 0]),
        "macro_f1": resampled_macro_f1(bootstrap, labels, answers, probabilities.shape[1]),
        "log_loss": Resampled(float(losses.mean()), sums[:, 1]),
    }


def as_markdown(rows: Sequence[Row], caption: str) -> str:
    """Return the table for people; `caption` says what was trained and scored."""
    head = ["variant", "accuracy", "macro F1", "log-loss"]
    head += ["accuracy less first", "macro F1 less first", "log-loss less first"]
    lines = [caption, "", _line([*head, "steps", "minutes"]), _line(["---"] * 9)]
    for row in rows:
        outcome = row.outcome
        cells = [f"`{outcome.key}={outcome.value}`"]
        cells += [words.number(row.figures[name], 3) for name in METRICS]
        cells += [
            "" if row.differences is None else words.difference(row.differences[name])
            for name in METRICS
        ]
        lines.append(_line([*cells, str(outcome.steps), f"{outcome.seconds / 60:.0f}"]))
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """Return the table for machines; differences are empty for the first of each key."""
    sink = io.StringIO()
    writer = csv.writer(sink)
    names = [f"{kind}{metric}" for kind in ("", "less_first_") for metric in METRICS]
    columns = [f"{name}_{column}" for name in names for column in _COLUMNS]
    writer.writerow(["key", "value", "n", *columns, "steps", "seconds"])
    for row in rows:
        cells: list[object] = [row.outcome.key, row.outcome.value, row.figures["accuracy"].n]
        for figures in (row.figures, row.differences):
            for metric in METRICS:
                figure = None if figures is None else figures[metric]
                cells += ["" if figure is None else f"{getattr(figure, c):.5f}" for c in _COLUMNS]
        writer.writerow([*cells, row.outcome.steps, round(row.outcome.seconds)])
    return sink.getvalue()


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
