"""Groups beside everybody else: gap, ratio, ratio to the geometric mean, and a status.

A comparison is *red* only when its interval excludes the threshold and it stays
significant among all comparisons of its panel, *amber* when only the point
estimate is beyond the threshold, *green* otherwise. A gap that may lie in what people
display (`Rule.GAP_TO_EXPLAIN`) is amber at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy.stats import norm

from include.governance.bias.metrics import Metric, Rule
from include.governance.bias.resampling import intervals
from include.governance.bias.settings import AuditSettings
from include.statistics import multiplicity
from include.statistics.arrays import FloatArray


class Status(StrEnum):
    """Of one comparison, of a panel, of an audit."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One group's figure beside that of everybody else in the same panel.

    Attributes:
        metric: Name of the figure.
        panel: Its panel.
        rule: The rule that judged it.
        attributes: What groups people, more than one at an intersection.
        group: The group's value of each attribute.
        value: The group's figure.
        others: That of everybody else.
        gap: Group minus others.
        ratio: Group over others.
        to_geometric_mean: Group over the geometric mean of all sufficient groups.
        excluded: Whether the interval of the judged quantity excludes the threshold.
        p_value: One-sided, against the threshold, by the bootstrap's standard error.
        p_adjusted: The same over the panel's family.
        status: The verdict on it.
    """

    metric: str
    panel: str
    rule: str
    attributes: tuple[str, ...]
    group: tuple[str, ...]
    value: float
    others: float
    gap: Estimate
    ratio: Estimate
    to_geometric_mean: Estimate
    excluded: bool
    p_value: float
    p_adjusted: float
    status: Status


def estimates(samples: FloatArray, confidence: float) -> list[Estimate]:
    """Read values (n, 1 + resamples) with the estimate first, and their percentile intervals."""
    bounds = intervals(samples[:, 1:], confidence)
    return [
        Estimate(float(value), float(low), float(high))
        for value, (low, high) in zip(samples[:, 0], bounds, strict=True)
    ]


def excess(
    rule: Rule, group: FloatArray, others: FloatArray, settings: AuditSettings
) -> FloatArray | None:
    """How far groups are beyond the threshold: positive is a disparity; None: not judged.

    The four-fifths rule is judged on `0.8 * others - group`, which stays defined where a
    rate is zero (Fieller's form of a ratio).
    """
    if rule is Rule.FOUR_FIFTHS:
        return settings.four_fifths * others - group
    if rule is Rule.GAP_ABOVE:
        return group - others - settings.tolerated_gap
    if rule in (Rule.GAP_EITHER_WAY, Rule.GAP_TO_EXPLAIN):
        sign = np.where(group[..., :1] < others[..., :1], -1.0, 1.0)
        return np.asarray(sign * (group - others) - settings.tolerated_gap)
    return None


def compare(
    metric: Metric,
    groups: Sequence[tuple[tuple[str, ...], tuple[str, ...]]],
    samples: tuple[FloatArray, FloatArray, FloatArray],
    settings: AuditSettings,
) -> list[Comparison]:
    """Compare groups with everybody else, before multiplicity is accounted for.

    Args:
        metric: The figure.
        groups: n pairs of attributes and group.
        samples: Figures of the groups (n, 1 + resamples), of the others (the same), and the
            groups' geometric mean (1 + resamples,), each with the estimate first.
        settings: Thresholds.
    """
    own, others, mean = samples
    with np.errstate(divide="ignore", invalid="ignore"):
        read = estimates(
            np.concatenate([own - others, own / others, own / mean]), settings.confidence
        )
    gaps, ratios, to_means = (
        read[part * len(groups) : (part + 1) * len(groups)] for part in range(3)
    )
    beyond = excess(metric.rule, own, others, settings)
    excluded, p_values = _tests(beyond, len(groups), settings)
    return [
        Comparison(
            metric=metric.name,
            panel=metric.panel,
            rule=metric.rule,
            attributes=attributes,
            group=group,
            value=float(own[number, 0]),
            others=float(others[number, 0]),
            gap=gaps[number],
            ratio=ratios[number],
            to_geometric_mean=to_means[number],
            excluded=bool(excluded[number]),
            p_value=float(p_values[number]),
            p_adjusted=float("nan"),
            status=(Status.AMBER if beyond is not None and beyond[number, 0] > 0 else Status.GREEN),
        )
        for number, (attributes, group) in enumerate(groups)
    ]


def _tests(
    beyond: FloatArray | None, count: int, settings: AuditSettings
) -> tuple[FloatArray, FloatArray]:
    """Return (n,) whether each interval excludes the threshold, and one-sided p-values."""
    excluded, p_values = np.zeros(count), np.full(count, np.nan)
    if beyond is None:
        return excluded, p_values
    excluded = (intervals(beyond[:, 1:], settings.confidence)[:, 0] > 0).astype(np.float64)
    for number in np.flatnonzero(np.isfinite(beyond[:, 0])):
        resampled = beyond[number, 1:][np.isfinite(beyond[number, 1:])]
        spread = float(resampled.std(ddof=1)) if resampled.size > 1 else 0.0
        estimate = float(beyond[number, 0])
        p_values[number] = norm.sf(estimate / spread) if spread > 0 else float(estimate <= 0)
    return excluded, p_values


def adjust(comparisons: Sequence[Comparison], settings: AuditSettings) -> list[Comparison]:
    """Adjust p-values over a panel's family and turn red what stays beyond doubt."""
    tested = [number for number, item in enumerate(comparisons) if np.isfinite(item.p_value)]
    p_values = multiplicity.adjust(
        [comparisons[number].p_value for number in tested], settings.multiplicity
    )
    adjusted = list(comparisons)
    for number, p_adjusted in zip(tested, p_values, strict=True):
        item = comparisons[number]
        sure = (
            item.status is Status.AMBER
            and item.excluded
            and p_adjusted < settings.level
            and item.rule != Rule.GAP_TO_EXPLAIN
        )
        status = Status.RED if sure else item.status
        adjusted[number] = replace(item, p_adjusted=float(p_adjusted), status=status)
    return adjusted


def worst(statuses: Sequence[Status]) -> Status:
    """Return the worst of several statuses, green when there are none."""
    return max(statuses, key=list(Status).index, default=Status.GREEN)
