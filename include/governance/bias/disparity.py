"""Groups beside everybody else: gap, ratio, ratio to the geometric mean, and a status.

A comparison is *red* only when its interval excludes the threshold and it stays
significant among all comparisons of its panel, *amber* when only the point
estimate is beyond the threshold, *green* otherwise. A gap that may lie in what people
display (`Rule.GAP_TO_EXPLAIN`) is amber at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy.stats import norm

from include.governance.bias.metrics import Metric, Rule
from include.governance.bias.settings import AuditSettings
from include.statistics import independent, multiplicity
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import is_certain, percentiles, tails_of
from include.statistics.estimate import Estimate


class Status(StrEnum):
    """Of one comparison, of a panel, of an audit."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Side:
    """One figure of several groups.

    Attributes:
        samples: (n, 1 + resamples), the estimate first.
        counted: (n,) people behind each.
        exact: For each group, the estimate of a figure that is 0 or 1 and therefore the same in
            every resample; None where resamples differ.
    """

    samples: FloatArray
    counted: Sequence[int]
    exact: Sequence[Estimate | None]

    def estimates(self, confidence: float) -> list[Estimate]:
        """Return every group's figure: exact, or with the percentile interval."""
        drawn = estimates(self.samples, self.counted, confidence)
        return [exact or found for exact, found in zip(self.exact, drawn, strict=True)]


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


@dataclass(frozen=True, slots=True)
class _Test:
    """How far a group is beyond the threshold, the lower end of that, and its standard error."""

    value: float
    low: float
    spread: float

    @property
    def p_value(self) -> float:
        """One-sided, against the threshold; NaN for what is not judged."""
        if math.isnan(self.value):
            return math.nan
        return float(norm.sf(self.value / self.spread) if self.spread > 0 else self.value <= 0)


_NOT_JUDGED = _Test(math.nan, math.nan, math.nan)


def estimates(samples: FloatArray, counted: Sequence[int], confidence: float) -> list[Estimate]:
    """Read values (n, 1 + resamples) with the estimate first, and their percentile intervals.

    A value that is the same in every resample has none.
    """
    found = []
    for line, ends, n in zip(
        samples, percentiles(samples[:, 1:], tails_of(confidence)), counted, strict=True
    ):
        low, high = (math.nan, math.nan) if is_certain(line[1:]) else ends.tolist()
        found.append(Estimate(float(line[0]), low, high, n))
    return found


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
    sides: tuple[Side, Side],
    mean: FloatArray,
    settings: AuditSettings,
) -> list[Comparison]:
    """Compare groups with everybody else, before multiplicity is accounted for.

    Where either figure is 0 or 1, resamples of it show no doubt: differences and ratios are
    then put together from the two intervals (the two sides are different people).

    Args:
        metric: The figure.
        groups: n pairs of attributes and group.
        sides: The groups' own figures and those of everybody else.
        mean: The groups' geometric mean, (1 + resamples,), the estimate first.
        settings: Thresholds.
    """
    own, others = sides
    level = settings.confidence
    n = [min(pair) for pair in zip(own.counted, others.counted, strict=True)]
    beyond = excess(metric.rule, own.samples, others.samples, settings)
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = estimates(own.samples - others.samples, n, level)
        ratios = estimates(own.samples / others.samples, n, level)
        to_means = estimates(own.samples / mean, own.counted, level)
    tests = [] if beyond is None else [_test_of(line, level) for line in beyond]
    exact = zip(own.exact, others.exact, strict=True)
    singles = zip(own.estimates(level), others.estimates(level), strict=True)
    for number, (ends, (one, other)) in enumerate(zip(exact, singles, strict=True)):
        if any(ends) and one.has_interval and other.has_interval:
            gaps[number] = independent.difference(one, other)
            ratios[number] = independent.ratio(one, other)
            if tests:
                tests[number] = _test_of_two(metric.rule, one, other, settings)
    return [
        Comparison(
            metric=metric.name,
            panel=metric.panel,
            rule=metric.rule,
            attributes=attributes,
            group=group,
            value=float(own.samples[number, 0]),
            others=float(others.samples[number, 0]),
            gap=gaps[number],
            ratio=ratios[number],
            to_geometric_mean=to_means[number],
            excluded=test.low > 0,
            p_value=test.p_value,
            p_adjusted=math.nan,
            status=Status.AMBER if test.value > 0 else Status.GREEN,
        )
        for number, ((attributes, group), test) in enumerate(
            zip(groups, tests or [_NOT_JUDGED] * len(n), strict=True)
        )
    ]


def _test_of(beyond: FloatArray, confidence: float) -> _Test:
    """Test resampled excesses, (1 + resamples,), the estimate first."""
    finite = beyond[1:][np.isfinite(beyond[1:])]
    low = percentiles(beyond[None, 1:], tails_of(confidence))[0, 0]
    spread = float(finite.std(ddof=1)) if finite.size > 1 else 0.0
    return _Test(float(beyond[0]), float(low), spread)


def _test_of_two(rule: Rule, own: Estimate, others: Estimate, settings: AuditSettings) -> _Test:
    """Test the excess of two independent figures."""
    if rule is Rule.FOUR_FIFTHS:
        found = independent.difference(independent.scaled(others, settings.four_fifths), own)
        tolerated = 0.0
    else:
        upwards = rule is Rule.GAP_ABOVE or own.value >= others.value
        found = independent.difference(*((own, others) if upwards else (others, own)))
        tolerated = settings.tolerated_gap
    spread = (found.value - found.low) / float(norm.ppf(tails_of(settings.confidence)[1]))
    return _Test(found.value - tolerated, found.low - tolerated, spread)


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
