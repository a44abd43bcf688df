"""`python -m benchmarks.faults soak`: 2,000 recordings, two workers, fault after fault."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from rich.console import Console

from benchmarks.faults.batches import Clips
from benchmarks.faults.kinds import (
    DEFERRED,
    DEFERRING,
    EXTRACT,
    FAULTS,
    TRANSFORM,
    Fault,
    Seen,
    begun,
    deferred,
    look,
)
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
_DRAIN_S = 900.0
_LONGEST_S = 75.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a run is made of."""
    parser.add_argument("--home", type=Path, default=Path("var/soak"), help="data of the stack")
    parser.add_argument("--recordings", type=int, default=2000, help="of five seconds")
    parser.add_argument("--studies", type=int, default=8, help="that they are dropped as")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fault-every", type=float, default=75.0, help="seconds between faults")
    parser.add_argument("--kinds", nargs="+", help="only these", choices=_KNOWN)
    parser.add_argument("--deferring", action="store_true", help="transform waits in the triggerer")
    parser.add_argument(
        "--waiting", type=int, default=2000, help="dropped at a time: so many have no end yet"
    )
    parser.add_argument(
        "--stop-after", type=float, default=4 * 3600.0, help="seconds; then only what is there"
    )
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
        clips = Clips(found.shared, LENGTHS_S)
        clips.make()
        each, more = divmod(options.recordings, options.studies)
        sizes = [each + (number < more) for number in range(options.studies)]
        drops = _Drops(found, clips, sizes)
        took_s = _disturb(found, watch, drops, options)
        rows += watch.stop()
        wrong = _wrong_at_the_end(found, drops.dropped)
        counts = {str(state): count for state, count in found.observer.counts().items() if count}
    result = {
        "recordings": drops.dropped,
        "wanted": options.recordings,
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


@dataclass
class _Drops:
    """What is dropped, study by study, so that enough of it waits at any time."""

    found: Running
    clips: Clips
    sizes: list[int]
    """Recordings of the studies that are left."""
    dropped: int = 0

    def keep_up(self, ended: int, waiting: int) -> None:
        """Drop studies until `waiting` recordings have no end yet, or none is left."""
        while self.sizes and self.dropped - ended < waiting:
            study, count = f"load-{len(self.sizes):02}", self.sizes[-1]
            self.found.ticker.show(f"dropping {study}: {count} recordings")
            try:
                self.clips.drop(self.found.observer, study, count)
            except TransientError:
                return  # whatever a fault left away: the same again later
            self.sizes.pop()
            self.dropped += count


def _disturb(found: Running, watch: Watch, drops: _Drops, options: argparse.Namespace) -> float:
    """Let one fault after the other strike until every recording has its end; return how long.

    After `stop_after` nothing more is dropped and no fault strikes: what is there is finished.
    """
    began_s = time.monotonic()
    since = datetime.now(UTC)
    known = DEFERRING if options.deferring else FAULTS
    kinds = [fault for fault in known if fault.name in (options.kinds or _KNOWN)]
    pending = _in_turn(kinds)
    next_s = began_s + options.fault_every
    struck = 0
    lasting: list[Thread] = []
    while (now_s := time.monotonic() - began_s) < options.stop_after + _DRAIN_S:
        ended = sum(watch.counts.get(state, 0) for state in FINAL)
        if now_s < options.stop_after:
            drops.keep_up(ended, options.waiting)
        is_last = not drops.sizes or now_s >= options.stop_after
        if is_last and ended >= drops.dropped > 0:
            break
        found.ticker.show(
            f"{watch.counts.get(State.PUBLISHED, 0)} published, {ended} of {drops.dropped} ended; "
            f"{struck} faults, {watch.following} not over"
        )
        _wake(found, since)
        due = now_s < options.stop_after and time.monotonic() >= next_s
        if due and _strike(found, watch, pending, lasting):
            struck += 1
            next_s = time.monotonic() + options.fault_every
        elif due and len(pending) < len(kinds):
            # The moments of those that are left are rare: the others go on meanwhile.
            pending += _in_turn(kinds)
        time.sleep(_POLL_S)
    took_s = time.monotonic() - began_s
    for striking in lasting:
        striking.join()
    return took_s


def _in_turn(kinds: Sequence[Fault]) -> list[Fault]:
    """Return the kinds so that no two that lose tasks are neighbours while there are others.

    Tasks are missed after two minutes: a row of such faults, each sooner than that, is one long
    outage of all workers and tells nothing of any of them.
    """
    rest = [fault for fault in kinds if not fault.loses_tasks]
    found: list[Fault] = []
    for fault in (fault for fault in kinds if fault.loses_tasks):
        found += [fault, *rest[:1]]
        rest = rest[1:]
    return found + rest


def _strike(found: Running, watch: Watch, pending: list[Fault], lasting: list[Thread]) -> bool:
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
    found.ticker.show(f"{told}; {watch.counts.get(State.PUBLISHED, 0)} published")
    striking = Thread(target=fault.strike, args=(found.stack, seen), daemon=True)
    striking.start()
    lasting.append(striking)
    # What takes long is still there while the next ones strike.
    striking.join(_LONGEST_S)
    return True


def _choose(found: Running, pending: Sequence[Fault]) -> tuple[Fault, Seen] | None:
    """Return a fault whose stage somebody is in, rare stages first."""
    stages = (DEFERRED, TRANSFORM, EXTRACT)
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
