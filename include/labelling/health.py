"""Healthy, watch or degraded: the written rule (docs/decisions/0016-labels-and-health.md).

A drop is a reference's figure less today's, which is independent of it.

- *degraded*: the whole interval of a drop lies above what is tolerated;
- *watch*: the drop itself is above what is tolerated, or the model is surely more
  confident than right beyond the tolerance, or there are too few labels to say;
- *healthy*: none of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from include.labelling.estimate import Estimates
from include.statistics import independent, words
from include.statistics.estimate import Estimate

RULE_VERSION = 1

_NAMES = {"macro_f1": "Macro F1"}


class Health(StrEnum):
    """The decision."""

    HEALTHY = "healthy"
    WATCH = "watch"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is tolerated.

    Attributes:
        tolerated_drop: By figure: the drop, 0 to 1, that needs no action.
        tolerated_overconfidence: Mean confidence less accuracy, 0 to 1.
        min_judged: Fewer judged instants decide nothing.
        min_respondents: Fewer people decide nothing.
    """

    tolerated_drop: Mapping[str, float] = field(
        default_factory=lambda: {"accuracy": 0.05, "macro_f1": 0.08}
    )
    tolerated_overconfidence: float = 0.10
    min_judged: int = 100
    min_respondents: int = 10


@dataclass(frozen=True, slots=True)
class Reference:
    """What today's figures are compared with.

    Attributes:
        name: For people: "the sealed test figures", "the last window".
        figures: By name, as in `Estimates.figures`.
    """

    name: str
    figures: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Drop:
    """By how much (`fell`) a figure fell against a reference; negative where it rose."""

    figure: str
    reference: str
    fell: Estimate
    tolerated: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision with its reasons.

    Attributes:
        health: The decision.
        reasons: Sentences for people, the weightiest first, at least one.
        drops: Every comparison made.
    """

    health: Health
    reasons: tuple[str, ...]
    drops: tuple[Drop, ...]


def decide(today: Estimates, references: Sequence[Reference], rule: Rule | None = None) -> Decision:
    """Apply the rule.

    Args:
        today: Estimates of this window.
        references: The sealed figures, and the last window where there was one.
        rule: What is tolerated; the defaults are those of the decision page.
    """
    rule = rule or Rule()
    drops = tuple(
        Drop(name, reference.name, independent.difference(found, today.figures[name]), tolerated)
        for reference in references
        for name, tolerated in rule.tolerated_drop.items()
        if (found := reference.figures.get(name)) is not None and name in today.figures
    )
    doubts = _too_little(today, drops, rule)
    if doubts:
        return Decision(Health.WATCH, doubts, drops)
    sure = tuple(_sentence(drop, "surely") for drop in drops if drop.fell.low > drop.tolerated)
    seems = tuple(
        _sentence(drop, "seemingly")
        for drop in drops
        if drop.fell.low <= drop.tolerated < drop.fell.value
    )
    seems += _overconfident(today, rule)
    if sure:
        return Decision(Health.DEGRADED, sure + seems, drops)
    if seems:
        return Decision(Health.WATCH, seems, drops)
    return Decision(Health.HEALTHY, ("No figure fell by more than is tolerated.",), drops)


def _too_little(today: Estimates, drops: Sequence[Drop], rule: Rule) -> tuple[str, ...]:
    """Say why nothing can be decided; unknown is never reported as healthy."""
    reasons = []
    if today.judged_n < rule.min_judged:
        reasons.append(f"Only {today.judged_n} labels can be judged, {rule.min_judged} are needed.")
    if today.respondents_n < rule.min_respondents:
        reasons.append(
            f"The labels are of {today.respondents_n} respondents, "
            f"{rule.min_respondents} are needed."
        )
    if not any(drop.fell.has_interval for drop in drops):
        reasons.append("There is no figure to compare with.")
    return tuple(reasons)


def _sentence(drop: Drop, how: str) -> str:
    figure = _NAMES.get(drop.figure, drop.figure.replace("_", " ").capitalize())
    return (
        f"{figure} is {how} lower than {drop.reference} by more than "
        f"{100 * drop.tolerated:.0f} points: by {_points(drop.fell)}."
    )


def _overconfident(today: Estimates, rule: Rule) -> tuple[str, ...]:
    excess = today.figures.get("overconfidence")
    if excess is None or not excess.low > rule.tolerated_overconfidence:
        return ()
    sentence = (
        f"The model is surely more confident than right by more than "
        f"{100 * rule.tolerated_overconfidence:.0f} points: by {_points(excess)}."
    )
    return (sentence,)


def _points(shares: Estimate) -> str:
    return words.number(independent.scaled(shares, 100), 1, said=True)
