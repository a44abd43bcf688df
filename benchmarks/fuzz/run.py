"""Tries many cases in several processes, and adds up what came of them."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz.cases import Case
from benchmarks.fuzz.trial import Ended, Outcome, Room

_SAY_EVERY_S = 10.0
_WELL = (Outcome.READ, Outcome.REFUSED)
_TOLERATED = (*_WELL, Outcome.CONTAINED)


@dataclass(slots=True)
class Tally:
    """What came of the cases."""

    ended: list[tuple[Case, Ended]] = field(default_factory=list)
    wall_s: float = 0.0
    left_behind: str = ""
    """What the whole run left, empty when nothing."""

    @property
    def sound(self) -> bool:
        """Nothing crashed outside a confined child, hung, stayed behind or was read wrongly."""
        well = all(ended.outcome in _TOLERATED for _, ended in self.ended)
        return bool(self.ended) and well and not self.left_behind

    def counts(self) -> Counter[Outcome]:
        """Cases by outcome."""
        return Counter(ended.outcome for _, ended in self.ended)


def run_cases(
    cases: Sequence[Case],
    *,
    workers: int,
    hang_s: float,
    keep: Path | None,
    say: Callable[[str], None],
) -> Tally:
    """Try all cases.

    Args:
        cases: What to try.
        workers: Processes side by side.
        hang_s: Wall seconds after which a case counts as hanging.
        keep: Folder for the files that did not end well (and for one asked for alone).
        say: Takes a line about progress every ten seconds.
    """
    tally, started, said = Tally(), time.monotonic(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fex-fuzz-") as folder:
        # Fresh interpreters: a worker has no thread and no descriptor of ours.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            workers, context, initializer=_enter, initargs=(folder, hang_s)
        ) as pool:
            waiting = {pool.submit(_try, case): case for case in cases}
            for done in as_completed(waiting):
                case = waiting[done]
                try:
                    ended = done.result()
                except BrokenProcessPool:
                    ended = Ended(Outcome.CRASH, "the process that tried it died", 0.0)
                tally.ended.append((case, ended))
                if keep and (ended.outcome not in _WELL or len(cases) == 1):
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / case.name).write_bytes(case.make())
                if time.monotonic() - said >= _SAY_EVERY_S:
                    said = time.monotonic()
                    say(_progress(tally, len(cases), said - started))
        left = sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
        tally.left_behind = ", ".join(left[:3])
    tally.wall_s = time.monotonic() - started
    return tally


def _progress(tally: Tally, of: int, wall_s: float) -> str:
    counts = ", ".join(f"{outcome} {count}" for outcome, count in sorted(tally.counts().items()))
    done = len(tally.ended)
    return f"{done} of {of} ({done / wall_s:.1f}/s): {counts}"


_ROOM: list[Room] = []


def _enter(folder: str, hang_s: float) -> None:
    _ROOM[:] = [Room(Path(tempfile.mkdtemp(dir=folder)), hang_s=hang_s)]


def _try(case: Case) -> Ended:
    return _ROOM[0].try_bytes(case.make(), case.name)
