"""From daily outcomes to alerts: a persistence rule and one alert per episode.

| from | to | when |
|---|---|---|
| quiet, closed | suspected | a day drifts |
| quiet, suspected, closed | open | enough of the last decided days drift: the one alert |
| suspected | quiet | the drifting days have left the look-back |
| open | closed | enough stable days in a row |

The state is a pure function of the outcomes so far: nothing is stored that could
disagree with them, and a re-run of any day gives the same alerts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What one day says."""

    STABLE = "stable"
    DRIFT = "drift"
    INSUFFICIENT = "insufficient"
    """Too few recordings to say anything: the day neither raises nor calms an alarm."""


class State(StrEnum):
    """Where an episode stands."""

    QUIET = "quiet"
    SUSPECTED = "suspected"
    OPEN = "open"
    CLOSED = "closed"
    """The day on which an episode ended; it counts as quiet from then on."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a suspicion becomes an alert.

    Attributes:
        needed: Drifting days among the last `among` decided days that open an episode.
        among: Length of that look-back, decided days.
        calm: Stable decided days in a row that close an episode.
    """

    needed: int = 2
    among: int = 3
    calm: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.among or self.calm < 1:
            raise ValueError(
                f"A policy needs 1 <= needed <= among and calm >= 1, not {self.needed} of "
                f"{self.among} and {self.calm}."
            )


@dataclass(frozen=True, slots=True)
class Step:
    """One day's state; `alert` is true on the one day an episode opens."""

    state: State
    alert: bool


def follow(outcomes: Iterable[Outcome], policy: Policy | None = None) -> tuple[Step, ...]:
    """Return the state after each day.

    Args:
        outcomes: One per day, the oldest first.
        policy: The persistence rule; the default one when left out.
    """
    rule = policy or Policy()
    steps: list[Step] = []
    state = State.QUIET
    recent: list[Outcome] = []  # decided days since the last episode ended, or began
    for outcome in outcomes:
        before = state
        if outcome is not Outcome.INSUFFICIENT:
            recent.append(outcome)
            state = _next(before, recent, rule)
            if (before is State.OPEN) != (state is State.OPEN):
                recent = []
        elif before is State.CLOSED:
            state = State.QUIET
        steps.append(Step(state, alert=state is State.OPEN and before is not State.OPEN))
    return tuple(steps)


def _next(state: State, recent: list[Outcome], rule: Policy) -> State:
    if state is State.OPEN:
        calm = recent[-rule.calm :]
        ended = len(calm) == rule.calm and all(entry is Outcome.STABLE for entry in calm)
        return State.CLOSED if ended else State.OPEN
    drifting = recent[-rule.among :].count(Outcome.DRIFT)
    if drifting >= rule.needed:
        return State.OPEN
    return State.SUSPECTED if drifting else State.QUIET
