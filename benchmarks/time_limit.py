"""A bound on the time that a piece of a benchmark may take."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(seconds: float, late: BaseException) -> Iterator[None]:
    """Raise `late` in this thread, which must be the main one, when the time is over."""

    def over(*_: object) -> None:
        raise late

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
