"""What a second worker is worth: a batch of forty with one and with two, in turns.

Each worker is held to a fixed share of a core, so that one has as much as the other and both fit
beside the rest of the stack; what is compared is the same batch with one such worker and with two.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.faults.batches import Clips
from benchmarks.faults.kinds import EXTRACT
from benchmarks.faults.rows import RESULTS
from benchmarks.faults.running import Running, running, unhealthy
from include.ledger.models import State
from include.platform.console import Ticker
from include.platform.stack.checks import ANALYSIS
from include.platform.stack.errors import StackError
from include.platform.stack.scenario import follow, wait_until_done
from include.platform.stack.state import Status
from include.statistics import means, words

_SECOND = "worker-2"
_BATCH_S = 1800.0
_STOP_S = 90.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One batch.

    Attributes:
        workers: How many took part.
        dropped_s: From the last upload until all were published.
        run_s: From the begin of the analysis run until all were published.
        extract_s: From the begin of the first extract task to the end of the last.
        extract_tasks: How many there were.
    """

    workers: int
    dropped_s: float
    run_s: float
    extract_s: float
    extract_tasks: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what is compared."""
    parser.add_argument("--home", type=Path, default=Path("var/scale-out"))
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each recording")
    parser.add_argument("--share", type=float, default=0.4, help="of a core, for each worker")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8396)
    parser.add_argument("--out", type=Path, default=RESULTS / "scale-out.json")


def run(options: argparse.Namespace) -> int:
    """Measure, print, keep."""
    trials: list[Trial] = []
    with (
        Ticker(Console(width=150)) as ticker,
        running(
            options.home.resolve(),
            ticker,
            workers=2,
            variables={"FEX_API_PORT": str(options.port)},
        ) as found,
    ):
        clips = Clips(found.shared, (options.seconds,) * 4)
        clips.make()
        for number in range(options.rounds):
            # Every other round begins with two: what changes with time hits both alike.
            for workers in (1, 2) if number % 2 == 0 else (2, 1):
                _set_workers(found, workers, options.share)
                study = f"scale-{number}-{workers}"
                trial = _measure(found, clips, study, workers, options)
                # An intake that listed in the middle of the upload made two batches of it.
                trial = trial or _measure(found, clips, f"{study}-again", workers, options)
                if trial is None:
                    raise StackError(f"{study} was twice taken up in parts")
                trials.append(trial)
                ticker.show(f"{trial}")
                _keep(options, trials)
    show(options, trials)
    return 0


def _keep(options: argparse.Namespace, trials: Sequence[Trial]) -> None:
    content = {
        "recordings": options.recordings,
        "seconds": options.seconds,
        "share": options.share,
        "trials": [asdict(trial) for trial in trials],
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")


def _set_workers(found: Running, workers: int, share: float) -> None:
    """Let one or two workers run, each with its share of a core and no more.

    Raises:
        StackError: The machine has no control groups, or a worker does not come or go.
    """
    second = found.stack.state().find(_SECOND)
    is_there = second is not None and second.status is Status.RUNNING
    if workers == 1 and is_there:
        found.stack.stop(_SECOND)
        give_up_at = time.monotonic() + _STOP_S
        while (item := found.stack.state().find(_SECOND)) is None or item.pid is not None:
            if time.monotonic() > give_up_at:
                raise StackError(f"{_SECOND} does not stop")
            time.sleep(0.2)
    if workers > 1 and not is_there:
        found.stack.start(_SECOND)
        time.sleep(1.0)
        if problems := unhealthy(found.stack):
            raise StackError("; ".join(problems))
    for name in ("worker-1", _SECOND)[:workers]:
        found.stack.groups.hold(name, share)


def _measure(
    found: Running, clips: Clips, study: str, workers: int, options: argparse.Namespace
) -> Trial | None:
    names = clips.drop(found.observer, study, options.recordings)
    began_s = time.monotonic()
    expected = dict.fromkeys(names, (State.PUBLISHED, None))
    outcomes = follow(found.api, found.observer, study, expected, found.ticker, _BATCH_S)
    ended_at, dropped_s = datetime.now(UTC), time.monotonic() - began_s
    published = [row for row in outcomes.values() if row.state is State.PUBLISHED]
    batches = sorted({str(row.batch_id) for row in published})
    if len(published) != len(names):
        raise StackError(f"{study}: {len(published)} of {len(names)} were published")
    if len(batches) != 1:
        return None
    wait_until_done(found.api, found.observer, found.ticker)
    tasks = found.api.task_instances(ANALYSIS, batches[0])
    extracting = [task for task in tasks if task["task_id"] == EXTRACT]
    return Trial(
        workers=workers,
        dropped_s=round(dropped_s, 1),
        run_s=round((ended_at - min(map(_start, tasks))).total_seconds(), 1),
        extract_s=round(
            (max(map(_end, extracting)) - min(map(_start, extracting))).total_seconds(), 1
        ),
        extract_tasks=len(extracting),
    )


def _start(task: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(task["start_date"]))


def _end(task: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(task["end_date"]))


def show(options: argparse.Namespace, trials: Sequence[Trial]) -> None:
    """Print one table."""
    one = [trial for trial in trials if trial.workers == 1]
    two = [trial for trial in trials if trial.workers != 1]
    table = Table(
        *("seconds", "one worker", "two workers", "ratio", "95 %"),
        title=f"{options.recordings} recordings of {options.seconds:g} s, "
        f"{options.share:g} of a core for each worker, {len(one)} rounds",
    )
    for title, name in (
        ("drop to last published", "dropped_s"),
        ("analysis run", "run_s"),
        ("its extraction", "extract_s"),
    ):
        first = [float(getattr(trial, name)) for trial in one]
        second = [float(getattr(trial, name)) for trial in two]
        found = means.paired_ratio(first, second)
        table.add_row(
            title,
            f"{statistics.fmean(first):.0f}",
            f"{statistics.fmean(second):.0f}",
            words.plain(found.value, 2),
            words.span(found, 2),
        )
    console = Console(width=110)
    console.print(table)
    alone = statistics.fmean(1 - trial.extract_s / trial.run_s for trial in one)
    console.print(
        f"With one worker {alone:.0%} of the run is outside of extraction: tasks for the whole "
        f"batch, one after the other. Two workers cannot do better than {2 / (1 + alone):.2f} "
        "times one with that."
    )
