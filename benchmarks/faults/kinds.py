"""Every kind of fault: the moment to wait for, what is done to the stack, what was hit."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from benchmarks.faults.processes import RUNNER, workers_with
from include.contracts.errors import TransientError
from include.platform.api import AirflowApi, Json
from include.platform.stack.checks import ANALYSIS
from include.platform.stack.control import Stack
from include.platform.stack.errors import StackError
from include.platform.stack.instances import SCALED

EXTRACT, TRANSFORM, DEFERRED = "extract", "transform", "deferred"
_AWAY_S: Mapping[str, float] = {"redis": 3.0, "postgres": 10.0, "store": 60.0}
HANG_S = 150.0
"""Longer than `TASK_INSTANCE_HEARTBEAT_TIMEOUT`: the tasks are given up meanwhile."""
_STOP_S = 90.0
_POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Seen:
    """The moment of a fault.

    Attributes:
        stage: What was being worked on.
        workers: Who did.
    """

    stage: str
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind.

    Attributes:
        name: As tables and tests have it.
        stage: The stage in which it strikes.
        strike: Does it; returns when it is done, or for what lasts, when it is over.
        told: What it is, for people; `{workers}` are those who were hit.
        lasts_s: How long it lasts; 0: it is over at once.
        anywhere: Whether any moment will do under load, when batches are in work.
        loses_tasks: Whether tasks go with it, so that only missing heartbeats tell of them.
    """

    name: str
    strike: Callable[[Stack, Seen], None]
    told: str
    stage: str = EXTRACT
    lasts_s: float = 0.0
    anywhere: bool = False
    loses_tasks: bool = False


def _nothing(_stack: Stack, _seen: Seen) -> None:
    """The time that a batch takes from there."""


def _kill_one_worker(stack: Stack, seen: Seen) -> None:
    stack.kill(seen.workers[0])


def _kill_workers(stack: Stack, _seen: Seen) -> None:
    for name in stack.instances:
        if stack.instances[name].service.name == SCALED:
            with contextlib.suppress(StackError):  # one that starts again just now
                stack.kill(name)


def _hang_worker(stack: Stack, seen: Seen) -> None:
    worker = seen.workers[0]
    stack.unplug(worker)
    try:
        time.sleep(HANG_S)
    finally:
        stack.plug_in(worker)


def _kill(name: str) -> Callable[[Stack, Seen], None]:
    return lambda stack, _seen: stack.kill(name)


def _away(name: str, between: Callable[[Stack], None] = lambda _: None) -> Callable[..., None]:
    """Stop a service as an operator does, and start it again."""

    def strike(stack: Stack, _seen: Seen) -> None:
        stack.stop(name)
        give_up_at = time.monotonic() + _STOP_S
        while (found := stack.state().find(name)) is not None and found.pid is not None:
            if time.monotonic() > give_up_at:
                raise TransientError(f"{name} does not stop")
            time.sleep(0.1)
        between(stack)
        time.sleep(_AWAY_S[name])
        stack.start(name)

    return strike


def _lose_data(stack: Stack) -> None:
    for path in (stack.home.volumes / "redis-data").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


NOTHING = Fault("nothing", _nothing, "no fault: the time a batch takes from here")
FAULTS = (
    Fault("kill_worker_extract", _kill_one_worker, "{workers} killed in extract", loses_tasks=True),
    Fault(
        "kill_worker_transform",
        _kill_one_worker,
        "{workers} killed in transform",
        TRANSFORM,
        loses_tasks=True,
    ),
    Fault(
        "kill_both_workers", _kill_workers, "every worker killed", anywhere=True, loses_tasks=True
    ),
    Fault(
        "worker_hangs",
        _hang_worker,
        "network of {workers} hangs for more than two minutes",
        lasts_s=HANG_S,
        loses_tasks=True,
    ),
    Fault(
        "redis_empty", _away("redis", _lose_data), "Redis restarted without its data", anywhere=True
    ),
    Fault(
        "postgres_away", _away("postgres"), "PostgreSQL away for 10 s", lasts_s=10.0, anywhere=True
    ),
    Fault("store_away", _away("store"), "the store away for 60 s", lasts_s=60.0, anywhere=True),
    Fault("kill_scheduler", _kill("scheduler"), "scheduler killed", anywhere=True),
    Fault("kill_api_server", _kill("api-server"), "API server killed", anywhere=True),
    Fault("kill_triggerer", _kill("triggerer"), "triggerer killed", TRANSFORM),
)
DEFERRING = tuple(
    replace(fault, stage=DEFERRED) if fault.stage == TRANSFORM else fault for fault in FAULTS
)
"""The same where the task of a transform waits in the triggerer: they strike while one does."""


def wait_for_stage(
    stack: Stack,
    api: AirflowApi,
    stage: str,
    timeout_s: float,
    while_waiting: Callable[[], None] = lambda: None,
) -> Seen | None:
    """Wait until somebody is in a stage; return who, or None where nobody was in time.

    Args:
        stack: What runs.
        api: Its Airflow.
        stage: See `look`.
        timeout_s: How long to wait.
        while_waiting: Called at each look.
    """
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        try:
            if seen := look(stack, api, stage):
                return seen
            while_waiting()
        except TransientError:
            pass
        time.sleep(_POLL_S)
    return None


def look(stack: Stack, api: AirflowApi, stage: str) -> Seen | None:
    """Return who is in a stage now, or None where nobody is.

    Args:
        stack: What runs.
        api: Its Airflow.
        stage: `extract`: a task of that name runs. `transform`: a job computes. `deferred`: one
            does, and its task waits in the triggerer.

    Raises:
        TransientError: Who could say does not answer.
    """
    if stage in (TRANSFORM, DEFERRED):
        workers = workers_with(stack, RUNNER)
        if stage == DEFERRED and workers and not deferred(api):
            return None
    else:
        workers = [
            str(task["hostname"])
            for task in _tasks(api)
            if task["task_id"] == stage and task["state"] == "running" and task["hostname"]
        ]
    return Seen(stage, tuple(workers)) if workers else None


def deferred(api: AirflowApi) -> list[str]:
    """Return the tasks of batches in work that wait in the triggerer.

    Raises:
        TransientError: Who could say does not answer.
    """
    return [
        f"{task['task_id']} of {task['dag_run_id']}"
        for task in _tasks(api)
        if task["state"] == "deferred"
    ]


def begun(api: AirflowApi) -> list[str]:
    """Return the batches whose runs have begun and are not over.

    Raises:
        TransientError: Airflow does not answer.
    """
    return [str(run["dag_run_id"]) for run in api.dag_runs(ANALYSIS) if run["state"] == "running"]


def _tasks(api: AirflowApi) -> Iterator[Json]:
    for batch in begun(api):
        yield from api.task_instances(ANALYSIS, batch)
