"""`python -m benchmarks.faults soak`: 2,000 recordings, two workers, fault after fault."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from rich.console import Console

from benchmarks.faults.batches import Clips
from benchmarks.faults.kinds import EXTRACT, FAULTS, TRANSFORM, Fault, Seen, begun, deferred, look
from benchmarks.faults.rows import RESULTS, Row, append, append_json
from benchmarks.faults.running import Running, left_over, running, unhealthy
from benchmarks.faults.watch import Sample, Watch
from include.contracts.errors import TransientError
from include.ledger.models import FINAL, State
from include.platform.console import Ticker, duration
from include.platform.stack.checks import undone
from include.platform.stack.observer import Observer
from include.platform.stack.scenario import wake_intake

LENGTHS_S = (5.0,) * 4
_KNOWN = tuple(fault.name for fault in FAULTS)
_AT_LEAST = 6
"""Recordings in work, or a fault hits too little to be told of."""
_POLL_S = 2.0
_CLOSING_S = 180.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a run is made of."""
    parser.add_argument("--home", type=Path, default=Path("var/soak"), help="data of the stack")
    parser.add_argument("--recordings", type=int, default=2000, help="of five seconds")
    parser.add_argument("--studies", type=int, default=8, help="that they are dropped as")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fault-every", type=float, default=75.0, help="seconds between faults")
    parser.add_argument("--kinds", nargs="+", help="only these", choices=_KNOWN)
    parser.add_argument("--deferring", action="store_true", help="transform waits in the triggerer")
    parser.add_argument("--stop-after", type=float, default=4 * 3600.0, help="seconds at most")
    parser.add_argument("--port", type=int, default=8395)
    parser.add_argument("--out", type=Path, default=RESULTS / "soak.json")


def run(options: argparse.Namespace) -> int:
    """Drop, disturb, wait for the end, check; rows are written as they come.

    Returns:
        0 when everything that was dropped has an end and nothing is wrong.
    """
    home = options.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    for folder in ("stack", "shared"):  # of a run before: what is dropped here is to be new
        shutil.rmtree(home / folder, ignore_errors=True)
    rows_file, samples_file = home / "rows.jsonl", home / "samples.jsonl"
    for file in (rows_file, samples_file):
        file.unlink(missing_ok=True)
    rows: list[Row] = []
    samples: list[Sample] = []

    def on_row(row: Row) -> None:
        rows.append(row)
        append(rows_file, [row])

    def on_sample(sample: Sample) -> None:
        samples.append(sample)
        append_json(samples_file, [asdict(sample)])

    with (
        Ticker(Console(width=150)) as ticker,
        running(
            home,
            ticker,
            workers=options.workers,
            variables={
                "FEX_API_PORT": str(options.port),
                "FEX_TRANSFORM__DEFERRABLE": str(options.deferring).lower(),
            },
        ) as found,
        _watched(found, on_row, on_sample) as watch,
    ):
        dropped_s = _drop(found, options)
        _disturb(found, watch, options, dropped_s)
        took_s = time.monotonic() - dropped_s
        rows += watch.stop()
        wrong = _wrong_at_the_end(found, options.recordings)
        counts = {str(state): count for state, count in found.observer.counts().items() if count}
    result = {
        "recordings": options.recordings,
        "workers": options.workers,
        "fault_every_s": options.fault_every,
        "deferring": options.deferring,
        "took_s": round(took_s, 1),
        "counts": counts,
        "wrong_at_the_end": wrong,
        "rows": [asdict(row) for row in rows],
        "samples": [asdict(sample) for sample in samples],
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    console = Console()
    console.print(f"{counts} in {duration(took_s)}, {len(rows)} faults; {options.out}")
    for words in [*wrong, *(words for row in rows for words in row.wrong)]:
        console.print(f"wrong: {words}")
    return 1 if wrong or any(row.wrong for row in rows) else 0


@contextmanager
def _watched(found: Running, on_row: object, on_sample: object) -> Iterator[Watch]:
    with Observer(found.stack, found.shared, name="watcher") as observer:
        watch = Watch(found.stack, observer, on_row, on_sample)  # type: ignore[arg-type]
        watch.start()
        yield watch


def _drop(found: Running, options: argparse.Namespace) -> float:
    """Drop everything; return when the first study was there."""
    clips = Clips(found.shared, LENGTHS_S)
    clips.make()
    began_s = time.monotonic()
    left = options.recordings
    for number in range(options.studies):
        count = left // (options.studies - number)
        found.ticker.show(f"dropping study {number + 1} of {options.studies}")
        clips.drop(found.observer, f"load-{number:02}", count)
        left -= count
    return began_s


def _disturb(found: Running, watch: Watch, options: argparse.Namespace, dropped_s: float) -> None:
    """Let one fault after the other strike until every recording has its end."""
    since = datetime.now(UTC)
    kinds = [fault for fault in FAULTS if fault.name in (options.kinds or _KNOWN)]
    pending = list(kinds)
    next_s = time.monotonic() + options.fault_every
    struck = 0
    while time.monotonic() - dropped_s < options.stop_after:
        ended = sum(watch.counts.get(state, 0) for state in FINAL)
        if ended >= options.recordings:
            return
        found.ticker.show(
            f"{watch.counts.get(State.PUBLISHED, 0)} of {options.recordings} published, "
            f"{ended} ended; {struck} faults, {watch.following} not over"
        )
        _wake(found, since)
        if time.monotonic() >= next_s and _strike(found, watch, pending):
            struck += 1
            pending = pending or list(kinds)
            next_s = time.monotonic() + options.fault_every
        time.sleep(_POLL_S)


def _strike(found: Running, watch: Watch, pending: list[Fault]) -> bool:
    """Let the first pending fault strike whose moment this is; tell whether there was one."""
    try:
        runs = set(begun(found.api))
        held = [row.id for row in found.observer.held() if row.batch_id in runs]
        chosen = _choose(found, pending) if len(held) >= _AT_LEAST else None
        waiting = deferred(found.api)
    except TransientError:
        return False
    if chosen is None:
        return False
    fault, seen = chosen
    pending.remove(fault)
    told = fault.told.format(workers=", ".join(seen.workers[:1]))
    watch.follow(fault.name, told, held, len(waiting))
    striking = Thread(target=fault.strike, args=(found.stack, seen), daemon=True)
    striking.start()
    while striking.is_alive():
        found.ticker.show(f"{told}; {watch.counts.get(State.PUBLISHED, 0)} published")
        striking.join(_POLL_S)
    return True


def _choose(found: Running, pending: Sequence[Fault]) -> tuple[Fault, Seen] | None:
    """Return a fault whose stage somebody is in, rare stages first."""
    stages = (TRANSFORM, EXTRACT)
    now = {name: look(found.stack, found.api, name) for name in stages}
    for stage in stages:
        for fault in pending:
            if fault.stage == stage and (seen := now[stage] or _anybody(fault)):
                return fault, seen
    return None


def _anybody(fault: Fault) -> Seen | None:
    return Seen(fault.stage, ()) if fault.anywhere else None


def _wake(found: Running, since: datetime) -> None:
    """Start an intake where nothing is in work: its own schedule is once a minute."""
    try:
        if not found.observer.held():
            wake_intake(found.api, since)
    except TransientError:
        pass


def _wrong_at_the_end(found: Running, recordings: int) -> list[str]:
    """Return what does not hold once everything has ended, in words; empty is right."""
    wrong = unhealthy(found.stack)
    give_up_at = time.monotonic() + _CLOSING_S
    while (left := undone(found.api, found.observer)) and time.monotonic() < give_up_at:
        time.sleep(_POLL_S)
    wrong += left
    counts = found.observer.counts()
    if (known := sum(counts.values())) != recordings:
        wrong.append(f"{recordings} were dropped, the ledger knows {known}")
    wrong += found.observer.contradictions(range(1, recordings + 1))
    return wrong + left_over(found.stack)
