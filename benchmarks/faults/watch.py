"""Looks at a stack under load from a thread of its own: ends, checks, memory, progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from benchmarks.faults.processes import orphans
from benchmarks.faults.rows import LOAD, Row
from include.contracts.errors import TransientError
from include.ledger.models import FINAL, State
from include.platform.stack.control import Stack
from include.platform.stack.errors import StackError
from include.platform.stack.observer import Observer

_POLL_S = 2.0
_SAMPLE_S = 15.0


@dataclass
class _Open:
    """A fault whose recordings have not all reached an end."""

    fault: str
    seen: str
    began_s: float
    waiting: set[int]
    all_ids: tuple[int, ...]
    deferred: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What services use at one moment.

    Attributes:
        at_s: Since the start of the run.
        memory_bytes: By instance; memory that its control group counts, page cache included.
        anonymous_bytes: By instance; without the page cache.
        counts: Recordings by state.
    """

    at_s: float
    memory_bytes: dict[str, int]
    anonymous_bytes: dict[str, int]
    counts: dict[str, int]


@dataclass
class Watch:
    """Follows faults to the end of what they hit.

    Args:
        stack: What runs.
        observer: Its own: no other thread asks it.
        on_row: Told of each fault that is over.
        on_sample: Told what services use.
    """

    stack: Stack
    observer: Observer
    on_row: Callable[[Row], None]
    on_sample: Callable[[Sample], None]
    counts: dict[State, int] = field(default_factory=dict)
    began_s: float = field(default_factory=time.monotonic)
    _open: list[_Open] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _sampled_s: float = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> list[Row]:
        """End; return the faults whose recordings have not all reached an end."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        return [self._row(item, None, []) for item in self._open]

    def follow(self, fault: str, seen: str, held: Sequence[int], deferred: int) -> None:
        """Follow the recordings that were in work when a fault struck, which is now."""
        with self._lock:
            self._open.append(
                _Open(fault, seen, time.monotonic(), set(held), tuple(held), deferred)
            )

    @property
    def following(self) -> int:
        """How many faults are not over."""
        return len(self._open)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._look()
                if time.monotonic() - self._sampled_s > _SAMPLE_S:
                    self._sample()
            except (TransientError, StackError):
                pass  # what is asked may be away: that is what is tried here
            self._ended.wait(_POLL_S)

    def _look(self) -> None:
        self.counts = self.observer.counts()
        with self._lock:
            found = list(self._open)
        for item in found:
            rows = self.observer.with_ids(sorted(item.waiting))
            now_s = time.monotonic()
            item.waiting -= {row.id for row in rows if row.state in FINAL}
            if item.waiting:
                continue
            wrong = [*self.observer.contradictions(item.all_ids), *_settled_orphans(self.stack)]
            self.on_row(self._row(item, now_s - item.began_s, wrong))
            with self._lock:
                self._open.remove(item)

    def _row(self, item: _Open, recovery_s: float | None, wrong: list[str]) -> Row:
        rows = self.observer.with_ids(item.all_ids)
        published = sum(row.state is State.PUBLISHED for row in rows)
        return Row(
            fault=item.fault,
            where=LOAD,
            seen=item.seen,
            in_flight=len(item.all_ids),
            recovery_s=None if recovery_s is None else round(recovery_s, 1),
            published=published,
            other_ends=sum(row.is_final for row in rows) - published,
            wrong=tuple(wrong),
            deferred=item.deferred,
        )

    def _sample(self) -> None:
        self._sampled_s = time.monotonic()
        names = [item.name for item in self.stack.state().instances if not item.one_shot]
        usage = {name: self.stack.usage(name) for name in names}
        self.on_sample(
            Sample(
                at_s=round(self._sampled_s - self.began_s, 1),
                memory_bytes={name: item.now_bytes or 0 for name, item in usage.items()},
                anonymous_bytes={name: item.anonymous_bytes or 0 for name, item in usage.items()},
                counts={str(state): count for state, count in self.counts.items()},
            )
        )


def _settled_orphans(stack: Stack) -> list[str]:
    """Return processes that nobody waits for, and did not when asked again a little later."""
    first = set(orphans(stack))
    if not first:
        return []
    time.sleep(5.0)
    return sorted(first & set(orphans(stack)))
