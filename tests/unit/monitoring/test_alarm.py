"""From daily outcomes to alerts."""

from __future__ import annotations

import pytest

from include.monitoring.alarm import Outcome, Policy, State, follow

DAYS = {"d": Outcome.DRIFT, "s": Outcome.STABLE, "i": Outcome.INSUFFICIENT}
STATES = {"q": State.QUIET, "u": State.SUSPECTED, "o": State.OPEN, "c": State.CLOSED}


@pytest.mark.parametrize(
    ("days", "states"),
    [
        ("ssss", "qqqq"),
        ("dsss", "uuuq"),  # one bad day is no alarm
        ("sdsdss", "quuooo"),
        ("ddsss", "uoooc"),
        ("ddsdsss", "uoooooc"),  # calm has to be in a row
        ("didss", "uuooo"),  # a day without data neither raises nor calms
        ("ddisisss", "uooooocq"),
        ("ddsssd", "uooocu"),  # a closed episode leaves nothing behind
        ("ddsssdd", "uooocuo"),
        ("ddsssi", "uooocq"),
        ("iii", "qqq"),
    ],
)
def test_states(days: str, states: str) -> None:
    steps = follow([DAYS[day] for day in days], Policy(needed=2, among=3, calm=3))
    assert [step.state for step in steps] == [STATES[state] for state in states]


def test_one_alert_per_episode() -> None:
    steps = follow([DAYS[day] for day in "dddddddsssdddd"], Policy(needed=2, among=3, calm=3))
    assert [index for index, step in enumerate(steps) if step.alert] == [1, 11]


def test_the_past_is_not_rewritten_by_later_days() -> None:
    days = [DAYS[day] for day in "sdsddissdsssddisss"]
    whole = follow(days)
    assert all(follow(days[:end]) == whole[:end] for end in range(len(days)))


@pytest.mark.parametrize("wrong", [(0, 3, 3), (4, 3, 3), (2, 3, 0)])
def test_impossible_policies_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="policy"):
        Policy(*wrong)
