"""Waiting for what the platform does, while saying where it is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from include.contracts.errors import PlatformError, TransientError
from include.ledger.models import Recording, State
from include.platform.api import AirflowApi
from include.platform.components import Health
from include.platform.console import Ticker
from include.platform.dropping import Followed
from include.platform.supervisor import Platform

INTAKE, ANALYSIS = "video_intake", "video_analysis"

_POLL_S = 0.5
_DAGS_TIMEOUT_S = 120.0
_SETTLE_TIMEOUT_S = 60.0
_INTAKE_FAILURES = 2
_RUNNING = ("queued", "running")

T = TypeVar("T")


class StuckError(PlatformError):
    """What is waited for does not come any more, or not in time."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the watched recordings ended."""

    rows: list[Recording]
    timed_out: bool

    @property
    def ok(self) -> bool:
        """Whether there is something to look at and nothing failed."""
        states = Counter(row.state for row in self.rows)
        return bool(states[State.PUBLISHED]) and not states[State.FAILED] and not self.timed_out


def until(
    platform: Platform, look: Callable[[], T | None], ticker: Ticker, timeout_s: float
) -> T | None:
    """Look again and again until there is something; None when the time is over.

    A busy machine answers late now and then: only a component that has ended, or the
    deadline, ends the waiting.

    Raises:
        StuckError: A component of the platform has stopped.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = look()
        except TransientError as error:
            ticker.show("waiting for Airflow to answer")
            _require_running(platform, error)
            found = None
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(_POLL_S)


def wait_for_dags(api: AirflowApi, wanted: Collection[str], ticker: Ticker) -> None:
    """Wait until DAGs are known, and let them run.

    Raises:
        StuckError: One cannot be read, or does not appear.
    """
    deadline = time.monotonic() + _DAGS_TIMEOUT_S
    while True:
        ticker.show("waiting for the DAGs to be read")
        try:
            known = api.dags()
            if all(dag_id in known for dag_id in wanted):
                for dag_id in wanted:
                    if known[dag_id]:
                        api.unpause(dag_id)
                return
            errors = api.import_errors()
        except TransientError as error:
            known, errors = {}, {}
            problem = str(error)
        else:
            problem = f"found {', '.join(sorted(known)) or 'none'}"
        if errors:
            raise StuckError("A DAG cannot be read: " + "; ".join(errors.values()))
        if time.monotonic() > deadline:
            missing = " and ".join(dag_id for dag_id in wanted if dag_id not in known)
            raise StuckError(f"The DAGs {missing} do not appear: {problem}")
        time.sleep(_POLL_S)


def follow_recordings(
    platform: Platform,
    api: AirflowApi,
    followed: Followed,
    since: datetime,
    ticker: Ticker,
    timeout_s: float,
) -> Ending:
    """Wait until each of the dropped recordings has reached an end, and its run its own.

    Raises:
        StuckError: The intake fails, or a component of the platform has stopped.
    """

    def look() -> Ending | None:
        rows = followed.rows()
        if not followed.unfinished(rows):
            return Ending(rows, timed_out=False)
        _wake_intake(api, followed, rows, since)
        ticker.show(_progress(api, followed, rows))
        return None

    ending = until(platform, look, ticker, timeout_s)
    if ending is None:
        return Ending(followed.rows(), timed_out=True)
    _wait_for_runs(api, ending.rows, ticker)
    return ending


def _wake_intake(
    api: AirflowApi, followed: Followed, rows: Sequence[Recording], since: datetime
) -> None:
    """Start an intake run unless one is about to look: its own schedule is once a minute.

    The first run enters a recording, a later one claims it once it is stable.
    """
    claimed = [row for row in rows if row.state is not State.DISCOVERED]
    if len(claimed) == followed.count:
        return
    states = [run["state"] for run in api.dag_runs(INTAKE, since=since)]
    if states.count("failed") >= _INTAKE_FAILURES:
        raise StuckError(
            f"{INTAKE} failed {states.count('failed')} times; its task logs say why "
            "(docs/runbooks/video-stuck.md)"
        )
    if not any(state in _RUNNING for state in states):
        api.trigger(INTAKE)


def _require_running(platform: Platform, cause: Exception) -> None:
    """Give up when a component has ended: nobody will answer any more."""
    gone = [line.name for line in platform.status() if line.health is Health.STOPPED]
    if gone:
        raise StuckError(f"The platform stopped meanwhile: {', '.join(gone)}") from cause


def _progress(api: AirflowApi, followed: Followed, rows: Sequence[Recording]) -> str:
    """Say where the recordings are and what Airflow works on."""
    states = Counter(str(row.state) for row in rows)
    waiting = followed.count - len(rows)
    parts = [f"{count} {state}" for state, count in states.items()]
    parts += [f"{waiting} not seen yet"] if waiting else []
    text = f"recordings: {', '.join(parts)}"
    working = Counter(
        str(task["task_id"])
        for batch_id in _batches(rows)
        for task in api.task_instances(ANALYSIS, batch_id)
        if task["state"] == "running"
    )
    if working:
        named = (f"{task} x{count}" if count > 1 else task for task, count in working.items())
        text += f" | running: {', '.join(named)}"
    return text


def _batches(rows: Sequence[Recording]) -> list[str]:
    """Return the batches at work; the id of a batch is the id of its analysis run."""
    return sorted({row.batch_id for row in rows if row.batch_id})


def _wait_for_runs(api: AirflowApi, rows: Sequence[Recording], ticker: Ticker) -> None:
    """Let the runs close their books."""
    batches = set(_batches(rows))
    deadline = time.monotonic() + _SETTLE_TIMEOUT_S
    while batches and time.monotonic() < deadline:
        ticker.show("closing the run")
        runs = {str(run["dag_run_id"]): run["state"] for run in api.dag_runs(ANALYSIS)}
        if not any(runs.get(batch) in _RUNNING for batch in batches):
            return
        time.sleep(_POLL_S)
