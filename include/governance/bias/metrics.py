"""The figures of an audit, each a function of sums over rows.

Whatever is a function of sums can be resampled without touching the rows again:
the cluster bootstrap weighs people, sums, and applies the same formula that
fairlearn's `MetricFrame` applies to a group.

Two panels that are never mixed: *labelled* figures use only rows with a true
label, *parity* figures never look at it. A face that was not found or could not
be read counts as an error; an abstention counts as neither right nor wrong and
has a figure of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.governance.bias import rows as columns
from include.governance.bias.rows import AuditRows
from include.statistics import independent
from include.statistics.arrays import FloatArray
from include.statistics.counts import exact_share
from include.statistics.estimate import Estimate

ECE_BINS = 10


class Panel(StrEnum):
    """What a figure was measured on."""

    LABELLED = "labelled"
    PARITY = "parity"


class Rule(StrEnum):
    """What is held against a group's figure beside that of everybody else."""

    FOUR_FIFTHS = "four_fifths"
    """More is better: at least 0.8 of the others' figure (29 CFR 1607.4 D)."""
    GAP_ABOVE = "gap_above"
    """Less is better: at most the tolerated gap above the others."""
    GAP_EITHER_WAY = "gap_either_way"
    """No direction is better: at most the tolerated gap from the others."""
    GAP_TO_EXPLAIN = "gap_to_explain"
    """What people display may differ and no true label says: the tolerated gap from the others,
    amber at most."""
    SHOWN = "shown"
    """Reported without a verdict."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `sum(numerators) / sum(denominators)`, or a formula of its own by name.

    Attributes:
        name: Machine name, with the expression after a colon where there is one.
        title: Name for people.
        panel: Its panel.
        rule: How disparity in it is judged.
        numerators: Columns of the sums above the line.
        denominators: Columns below the line; more than one means a mean of ratios (balanced
            accuracy) or of absolute deviations (ECE, where one column serves all bins).
        is_counted: Whether it is a share of what is counted, or a mean of such shares.
    """

    name: str
    title: str
    panel: Panel
    rule: Rule
    numerators: tuple[str, ...]
    denominators: tuple[str, ...]
    is_counted: bool = True

    @property
    def expression(self) -> str | None:
        """The expression that the figure is about, if one."""
        return self.name.partition(":")[2] or None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the figures are sums of.

    Attributes:
        values: (rows, k).
        index: Column of each statistic.
    """

    values: FloatArray
    index: Mapping[str, int]


def _per_expression(
    prefix: str, title: str, panel: Panel, rule: Rule, numerator: str, denominator: str
) -> list[Metric]:
    return [
        Metric(
            f"{prefix}:{label}",
            f"{title} {label}",
            panel,
            rule,
            (numerator.format(label),),
            (denominator.format(label),),
        )
        for label in EXPRESSIONS
    ]


_TRUE = tuple(f"true:{label}" for label in EXPRESSIONS)
_HITS = tuple(f"hit:{label}" for label in EXPRESSIONS)
_BINS = tuple(f"bin:{number}" for number in range(ECE_BINS))

METRICS: tuple[Metric, ...] = (
    Metric("accuracy", "Accuracy", Panel.LABELLED, Rule.FOUR_FIFTHS, ("correct",), ("judged",)),
    Metric(
        "balanced_accuracy", "Balanced accuracy", Panel.LABELLED, Rule.FOUR_FIFTHS, _HITS, _TRUE
    ),
    *_per_expression("recall", "Recall of", Panel.LABELLED, Rule.FOUR_FIFTHS, "hit:{}", "true:{}"),
    *_per_expression(
        "false_positive_rate",
        "False-positive rate of",
        Panel.LABELLED,
        Rule.GAP_ABOVE,
        "false:{}",
        "other:{}",
    ),
    Metric(
        "overconfidence",
        "Confidence minus accuracy",
        Panel.LABELLED,
        Rule.GAP_EITHER_WAY,
        ("confidence_minus_correct",),
        ("labelled_answered",),
        is_counted=False,
    ),
    # Biased upwards in small groups (a mean of absolute values), hence without a verdict.
    Metric(
        "ece",
        "ECE",
        Panel.LABELLED,
        Rule.SHOWN,
        _BINS,
        ("labelled_answered",),
        is_counted=False,
    ),
    Metric("face_found_rate", "Face found", Panel.PARITY, Rule.FOUR_FIFTHS, ("found",), ("shown",)),
    Metric(
        "quality_rate",
        "Quality sufficient",
        Panel.PARITY,
        Rule.FOUR_FIFTHS,
        ("usable",),
        ("found",),
    ),
    Metric("answer_rate", "Answered", Panel.PARITY, Rule.FOUR_FIFTHS, ("answered",), ("usable",)),
    Metric("abstention_rate", "Abstained", Panel.PARITY, Rule.SHOWN, ("abstained",), ("usable",)),
    Metric(
        "mean_confidence",
        "Mean confidence",
        Panel.PARITY,
        Rule.GAP_EITHER_WAY,
        ("confidence",),
        ("confident",),
        is_counted=False,
    ),
    *_per_expression(
        "prediction_rate",
        "Share answered",
        Panel.PARITY,
        Rule.GAP_TO_EXPLAIN,
        "answered:{}",
        "answered",
    ),
)


def statistics(rows: AuditRows) -> Statistics:
    """Return what the figures are sums of, one line per row of the audit, times its weight."""
    frame = rows.frame
    answer, truth = (frame[name].to_numpy(dtype=object) for name in (columns.ANSWER, columns.TRUTH))
    found, usable, abstained = (
        frame[name].to_numpy(dtype=bool)
        for name in (columns.FACE_FOUND, columns.QUALITY_OK, columns.ABSTAINED)
    )
    confidence = frame[columns.CONFIDENCE].to_numpy(dtype=np.float64)
    answered = frame[columns.ANSWER].notna().to_numpy()
    labelled = frame[columns.TRUTH].notna().to_numpy()
    judged = labelled & ~abstained
    correct = judged & answered & (answer == truth)
    known = np.nan_to_num(confidence)
    excess = np.where(labelled & answered, known - correct, 0.0)
    table: dict[str, npt.NDArray[np.generic]] = {
        "shown": np.ones(len(frame)),
        "found": found,
        "usable": usable,
        "abstained": abstained,
        "answered": answered,
        "confidence": known,
        "confident": np.isfinite(confidence),
        "judged": judged,
        "correct": correct,
        "labelled_answered": labelled & answered,
        "confidence_minus_correct": excess,
    }
    for label in EXPRESSIONS:
        named, true = answer == label, truth == label
        table[f"answered:{label}"] = named
        table[f"true:{label}"] = judged & true
        table[f"hit:{label}"] = correct & true
        table[f"other:{label}"] = judged & ~true
        table[f"false:{label}"] = judged & ~true & named
    bins = np.minimum((known * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    for number in range(ECE_BINS):
        table[f"bin:{number}"] = np.where(bins == number, excess, 0.0)
    values = np.column_stack([column.astype(np.float64) for column in table.values()])
    values *= frame[columns.WEIGHT].to_numpy()[:, None]
    return Statistics(values, {name: position for position, name in enumerate(table)})


def figure(metric: Metric, sums: FloatArray, index: Mapping[str, int]) -> FloatArray:
    """Apply a figure's formula to sums of statistics.

    Args:
        metric: The figure.
        sums: (..., k) sums, for instance one line per resample.
        index: Column of each statistic.

    Returns:
        (...) values; NaN where nothing was counted. Balanced accuracy is the mean recall over
        the expressions that occur.
    """
    above = sums[..., [index[name] for name in metric.numerators]]
    below = sums[..., [index[name] for name in metric.denominators]]
    if metric.name == "ece":
        above = np.abs(above).sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(below > 0, above / below, np.nan)
        counted = np.isfinite(ratios)
        result: FloatArray = np.where(counted, ratios, 0.0).sum(axis=-1) / counted.sum(axis=-1)
    return result


def people_counted(metric: Metric, counts: FloatArray, index: Mapping[str, int]) -> FloatArray:
    """Number of people that a figure rests on, to be held against the minimum n.

    Args:
        metric: The figure.
        counts: (..., k) people with anything in each statistic.
        index: Column of each statistic.

    Returns:
        (...) people with anything below the line. For a mean of c ratios, c² / Σ 1/n_i: the n
        of a plain rate with the same variance, 0 when one of the ratios rests on nobody.
    """
    below = counts[..., [index[name] for name in metric.denominators]]
    with np.errstate(divide="ignore"):
        counted: FloatArray = below.shape[-1] ** 2 / (1.0 / below).sum(axis=-1)
    return counted


def exact_at_an_end(
    metric: Metric, value: float, counts: FloatArray, index: Mapping[str, int], level: float
) -> Estimate | None:
    """Return a counted figure of 0 or 1 with its exact interval, None for every other figure.

    No resample of such a figure differs from it, which is no proof that all people are alike.
    Each person counts as one row, so it holds however alike a person's rows are.

    Args:
        metric: The figure.
        value: Its value.
        counts: (k,) people with anything in each statistic.
        index: Column of each statistic.
        level: Of the interval, 0 to 1.
    """
    if not metric.is_counted or value not in {0.0, 1.0}:
        return None
    people = [int(counts[index[name]]) for name in metric.denominators]
    parts = [exact_share(value, n, n, level=level) for n in people if n]
    return independent.mean(parts, int(people_counted(metric, counts, index)))
