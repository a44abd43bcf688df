"""`make demo`: a recording is dropped, and watched until its report is there.

Ends with 0 when at least one recording was published and none failed.
Recordings set aside in quarantine do not fail the demo: refusing a bad file
with a reason is the platform working. When *nothing* was published there is no
report to look at, and the demo says so with 1.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from include.contracts.errors import PlatformError, TransientError
from include.ledger.models import Recording, State
from include.platform.api import AirflowApi
from include.platform.components import Health
from include.platform.console import Ticker, duration
from include.platform.demo_report import show_results
from include.platform.dropping import Followed, drop, local_lake
from include.platform.supervisor import Platform

INTAKE, ANALYSIS = "video_intake", "video_analysis"
STUDY = "demo"

_POLL_S = 0.5
_DAGS_TIMEOUT_S = 120.0
_SETTLE_TIMEOUT_S = 60.0
_INTAKE_FAILURES = 2
_RUNNING = ("queued", "running")


class DemoError(PlatformError):
    """The demo cannot reach its end."""


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


def run_demo(platform: Platform, console: Console, *, video: Path | None, timeout_s: float) -> int:
    """Run the demo and return its exit status.

    Raises:
        PlatformError: The platform does not start, or there is nothing to drop.
    """
    if video is not None and not video.exists():
        raise DemoError(f"There is no file or folder at {video}.")
    console.rule("From a video to a report of displayed expressions", align="left")
    started_here = False
    try:
        with ThreadPoolExecutor(1) as pool, Ticker(console) as ticker:
            source = pool.submit(_source, platform, video)
            started_here = True  # also when the start is interrupted half-way
            started_here = platform.up(ticker.starting)
            ending, lake = _watch(platform, source, ticker, timeout_s)
        show_results(console, platform, ending.rows, lake)
        if ending.timed_out:
            console.print(f"[red]Not finished after {duration(timeout_s)}.[/red]")
    finally:
        if started_here:
            with Ticker(console) as ticker:
                ticker.show("stopping the platform")
                platform.down()
    console.print(_closing_line(ending, still_up=not started_here))
    return 0 if ending.ok else 1


def _source(platform: Platform, video: Path | None) -> Path:
    """Return the given recordings, or make one while the platform starts."""
    if video is not None:
        return video
    from include.video.synthetic import make_demo_video

    folder = platform.layout.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "demo.mp4"
    draft = folder / ".demo.mp4"
    make_demo_video(draft)
    return draft.replace(made)


def _watch(
    platform: Platform, source: Future[Path], ticker: Ticker, timeout_s: float
) -> tuple[Ending, Path]:
    """Drop the recordings and wait until each of them has reached an end."""
    env = platform.environment()
    lake_url, ledger_url = env["FEX_STORAGE__LAKE_URL"], env["FEX_STORAGE__LEDGER_URL"]
    lake = local_lake(lake_url)
    with platform.api() as api:
        _wait_for_dags(api, ticker)
        ticker.show("making the video" if not source.done() else "dropping the recording")
        dropped = drop(source.result(), lake, STUDY)
        since = datetime.now(UTC)
        followed = Followed(lake_url=lake_url, ledger_url=ledger_url, dropped=dropped)
        deadline = time.monotonic() + timeout_s
        while True:
            rows = followed.rows()
            if not followed.unfinished(rows):
                _wait_for_runs(api, rows, ticker)
                return Ending(rows, timed_out=False), lake
            if time.monotonic() > deadline:
                return Ending(rows, timed_out=True), lake
            try:
                _wake_intake(api, followed, rows, since)
                ticker.show(_progress(api, followed, rows))
            except TransientError as error:
                # A busy machine answers late now and then; the deadline decides.
                ticker.show("waiting for Airflow to answer")
                _require_running(platform, error)
            time.sleep(_POLL_S)


def _wait_for_dags(api: AirflowApi, ticker: Ticker) -> None:
    deadline = time.monotonic() + _DAGS_TIMEOUT_S
    while True:
        ticker.show("waiting for the DAGs to be read")
        try:
            known = api.dags()
            if INTAKE in known and ANALYSIS in known:
                for dag_id in (INTAKE, ANALYSIS):
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
            raise DemoError("A DAG cannot be read: " + "; ".join(errors.values()))
        if time.monotonic() > deadline:
            raise DemoError(f"The DAGs {INTAKE} and {ANALYSIS} do not appear: {problem}")
        time.sleep(_POLL_S)


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
        raise DemoError(
            f"{INTAKE} failed {states.count('failed')} times; its task logs say why "
            "(docs/runbooks/video-stuck.md)"
        )
    if not any(state in _RUNNING for state in states):
        api.trigger(INTAKE)


def _require_running(platform: Platform, cause: Exception) -> None:
    """Give up when a component has ended: nobody will answer any more."""
    gone = [line.name for line in platform.status() if line.health is Health.STOPPED]
    if gone:
        raise DemoError(f"The platform stopped meanwhile: {', '.join(gone)}") from cause


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
    """Let the runs close their books before the platform stops."""
    batches = set(_batches(rows))
    deadline = time.monotonic() + _SETTLE_TIMEOUT_S
    while batches and time.monotonic() < deadline:
        ticker.show("closing the run")
        runs = {str(run["dag_run_id"]): run["state"] for run in api.dag_runs(ANALYSIS)}
        if not any(runs.get(batch) in _RUNNING for batch in batches):
            return
        time.sleep(_POLL_S)


def _closing_line(ending: Ending, *, still_up: bool) -> str:
    again = (
        "The platform is still up." if still_up else "The platform is stopped; make up starts it."
    )
    if ending.ok:
        return again
    if not any(row.state is State.PUBLISHED for row in ending.rows):
        return f"[red]Nothing was published.[/red] {again}"
    return f"[red]Not every recording reached its end.[/red] {again}"
