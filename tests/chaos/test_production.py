"""Faults on the running stack, each in the middle of a batch of six with two workers.

After each: every recording published or visibly failed, nothing twice, nothing half, every
service healthy again, and no person needed. Recovery is the time from the fault until all six
have an end; it has to be within five minutes at the settings shipped. The table is printed last.
"""

from __future__ import annotations

import os
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from include.contracts.errors import TransientError
from include.ledger.models import State
from include.platform.api import AirflowApi
from include.platform.console import Ticker
from include.platform.stack import machine
from include.platform.stack.checks import ANALYSIS, not_once
from include.platform.stack.control import Stack
from include.platform.stack.home import StackHome
from include.platform.stack.observer import Observer, Outcome
from include.platform.stack.scenario import (
    api_of,
    follow,
    wait_for_dags,
    wait_until_done,
    wake_intake,
)
from include.platform.stack.study import PURPOSE
from include.video.synthetic import make_demo_video

RECORDINGS, WORKERS = 6, 2
RECOVERY_S = 300.0
PORT = "8390"

pytestmark = [
    pytest.mark.production,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        bool(os.environ.get("CI")) or bool(machine.missing()),
        reason=f"the stack cannot run here: {'; '.join(machine.missing()) or 'this is CI'}",
    ),
]


@dataclass
class Running:
    """The stack, what looks at it, and what came of each fault."""

    stack: Stack
    api: AirflowApi
    observer: Observer
    shared: Path
    ticker: Ticker
    rows: list[tuple[str, ...]] = field(default_factory=list)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("production")
    shared = folder / "shared"
    shared.mkdir()
    for number in range(RECORDINGS):
        make_demo_video(shared / f"r{number}.mp4", seconds=30 + number, size=(640, 360))
    stack = Stack(StackHome(folder / "home"), WORKERS, {"FEX_API_PORT": PORT})
    console = Console(width=150)
    stack.up(lambda _: None, timeout_s=400)
    try:
        with (
            api_of(stack) as api,
            Observer(stack, shared) as observer,
            Ticker(console) as ticker,
        ):
            wait_for_dags(api, ticker)
            found = Running(stack, api, observer, shared, ticker)
            yield found
            table = Table("fault", "seen", "recovery", "published", "failed", title="Faults")
            for row in found.rows:
                table.add_row(*row)
            console.print(table)
    finally:
        left = stack.down()
    assert left == []


def drop_batch(running: Running, name: str) -> list[str]:
    """Drop six recordings with bytes that no other batch has; return their names."""
    folder = running.shared / name
    folder.mkdir()
    names = [f"r{number}.mp4" for number in range(RECORDINGS)]
    for recording in names:
        # A box that readers skip: the same video, another file.
        mark = f"{name} {recording}".encode()
        box = struct.pack(">I", 8 + len(mark)) + b"free" + mark
        (folder / recording).write_bytes((running.shared / recording).read_bytes() + box)
    (folder / "study.yaml").write_text(PURPOSE)
    lines = [f"{recording},P-{recording},notice 1,2026-11-02,\n" for recording in names]
    header = "recording,respondent,consent,consent_at,consent_withdrawn_at\n"
    (folder / "respondents.csv").write_text(header + "".join(lines))
    running.observer.drop(name, name)
    return names


def wait_for_extract(running: Running, name: str) -> str:
    """Wait until somebody extracts the study's recordings; return the worker."""
    give_up_at = time.monotonic() + 240
    since = datetime.now(UTC)
    while time.monotonic() < give_up_at:
        try:
            batches = {row.batch_id for row in running.observer.recordings(name).values()} - {None}
            for batch in batches:
                for task in running.api.task_instances(ANALYSIS, str(batch)):
                    if task["task_id"] == "extract" and task["state"] == "running":
                        return str(task["hostname"])
            if not batches:
                wake_intake(running.api, since)
        except TransientError:
            pass
        time.sleep(0.3)
    pytest.fail("no extract was seen running")


def wait_healthy(stack: Stack) -> None:
    give_up_at = time.monotonic() + 180
    while not stack.state().is_up:
        bad = [item.name for item in stack.state().instances if not item.is_good]
        assert time.monotonic() < give_up_at, f"not healthy again: {bad}"
        time.sleep(0.5)


# -- the faults; each returns what was seen


def nothing(running: Running, worker: str) -> str:
    return "no fault: the time a batch takes from here"


def kill_worker(running: Running, worker: str) -> str:
    running.stack.kill(worker)
    return f"{worker} killed in extract"


def redis_empty(running: Running, worker: str) -> str:
    away_for(running, "redis", 3, between=lambda: empty(running.stack.home.volumes / "redis-data"))
    return "Redis restarted without its data"


def postgres_restarted(running: Running, worker: str) -> str:
    away_for(running, "postgres", 10)
    return "PostgreSQL away for 10 s"


def store_away(running: Running, worker: str) -> str:
    away_for(running, "store", 60)
    return "the store away for 60 s"


def kill_scheduler(running: Running, worker: str) -> str:
    running.stack.kill("scheduler")
    return "scheduler killed"


def restart_api(running: Running, worker: str) -> str:
    running.stack.kill("api-server")
    return "api-server killed"


FAULTS = (
    nothing,
    kill_worker,
    redis_empty,
    postgres_restarted,
    store_away,
    kill_scheduler,
    restart_api,
)


def away_for(
    running: Running, name: str, seconds: float, between: Callable[[], None] = lambda: None
) -> None:
    """Stop a service as an operator does, and start it again."""
    stack = running.stack
    stack.stop(name)
    give_up_at = time.monotonic() + 60
    while (found := stack.state().find(name)) is None or found.pid is not None:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    between()
    time.sleep(seconds)
    stack.start(name)


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_batch_outlives(running: Running, fault: Callable[[Running, str], str]) -> None:
    name = f"batch-{fault.__name__.replace('_', '-')}"
    names = drop_batch(running, name)
    worker = wait_for_extract(running, name)
    began_s = time.monotonic()
    seen = fault(running, worker)
    expected = dict.fromkeys(names, (State.PUBLISHED, None))
    outcomes = follow(running.api, running.observer, name, expected, running.ticker, 600)
    recovery_s = time.monotonic() - began_s
    states = [outcomes[recording].state for recording in names]
    running.rows.append(
        (
            fault.__name__,
            seen,
            f"{recovery_s:.0f} s",
            str(states.count(State.PUBLISHED)),
            str(states.count(State.FAILED)),
        )
    )
    check(running, names, outcomes)
    assert recovery_s <= RECOVERY_S


def check(running: Running, names: list[str], outcomes: dict[str, Outcome]) -> None:
    for recording in names:
        row = outcomes[recording]
        assert row.state in (State.PUBLISHED, State.FAILED), f"{recording} is {row.state}"
        assert row.state is State.PUBLISHED or row.reason_code
    assert not_once(running.observer, list(outcomes.values())) == []
    wait_healthy(running.stack)
    assert wait_until_done(running.api, running.observer, running.ticker) == []
