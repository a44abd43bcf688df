"""A stack that runs, with everything that looks at it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.processes import orphans
from include.platform.api import AirflowApi
from include.platform.console import Ticker
from include.platform.stack.control import Stack
from include.platform.stack.errors import StackError
from include.platform.stack.home import StackHome
from include.platform.stack.observer import Observer
from include.platform.stack.scenario import api_of, wait_for_dags

_UP_S = 420.0
_HEALTHY_S = 240.0


@dataclass(frozen=True, slots=True)
class Running:
    """The stack and what looks at it."""

    stack: Stack
    api: AirflowApi
    observer: Observer
    shared: Path
    ticker: Ticker


@contextmanager
def running(
    home: Path, ticker: Ticker, *, workers: int, variables: Mapping[str, str]
) -> Iterator[Running]:
    """Start a stack in `home/stack`, give it, and stop it.

    Args:
        home: Where the stack keeps its data.
        ticker: Says what is waited for.
        workers: How many.
        variables: Of the compose file.

    Raises:
        StackError: It does not start, or something is left of it when it has ended.
    """
    shared = home / "shared"
    shared.mkdir(parents=True, exist_ok=True)
    stack = Stack(StackHome(home / "stack"), workers, variables)
    ticker.show("the stack starts")
    try:
        stack.up(lambda _: None, timeout_s=_UP_S)
        with api_of(stack) as api, Observer(stack, shared) as observer:
            wait_for_dags(api, ticker)
            yield Running(stack, api, observer, shared, ticker)
    finally:
        ticker.show("the stack ends")
        left = stack.down()
    if left:
        raise StackError(f"left behind: {'; '.join(left)}")


def unhealthy(stack: Stack) -> list[str]:
    """Wait until every service is healthy; return those that are not in time, in words."""
    give_up_at = time.monotonic() + _HEALTHY_S
    while not (state := stack.state()).is_up:
        if time.monotonic() > give_up_at:
            return [f"{item.name} is {item.status}" for item in state.instances if not item.is_good]
        time.sleep(0.5)
    return []


def left_over(stack: Stack, timeout_s: float = 30.0) -> list[str]:
    """Return the processes that nobody waits for, once those that are ending have ended."""
    give_up_at = time.monotonic() + timeout_s
    while (found := orphans(stack)) and time.monotonic() < give_up_at:
        time.sleep(0.5)
    return found
