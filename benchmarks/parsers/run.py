"""Puts examples through a reader and counts what came of them."""

from __future__ import annotations

import contextlib
import gc
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.parsers.readers import Reader
from benchmarks.time_limit import at_most


class HangError(BaseException):
    """A reader took longer than it may. No reader catches it by a net for errors."""


@dataclass
class Count:
    """What came of a reader's examples."""

    read: int = 0
    refused: int = 0
    worst_s: float = 0.0
    """Processor seconds of the slowest example."""
    left: tuple[str, ...] = ()

    @property
    def examples(self) -> int:
        """How many there were."""
        return self.read + self.refused


def run(reader: Reader, examples: int, hang_s: float = 60.0) -> Count:
    """Read that many examples.

    Args:
        reader: What is tried.
        examples: How many, the same ones each time.
        hang_s: Wall seconds that one may take; generous, the machine may be busy.

    Raises:
        HangError: One took longer.
        Exception: Whatever the reader raised beside the errors it documents; Hypothesis adds
            the smallest example that does it.
    """
    count = Count()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(reader.inputs)
    def trial(content: Any) -> None:
        started = time.process_time()
        try:
            with _at_most(hang_s):
                reader.read(content)
            count.read += 1
        except reader.documented:
            count.refused += 1
        count.worst_s = max(count.worst_s, time.process_time() - started)

    with tempfile.TemporaryDirectory() as scratch, _temporary_files_in(Path(scratch)):
        before = _standing()
        trial()
        gc.collect()
        now = _standing()
        files = sorted(path.name for path in Path(scratch).rglob("*"))
        more = {kind for kind in now if now[kind] > before[kind]}
        count.left = (*files, *sorted(more))
    return count


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes too long; in a thread other than the main one nothing can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    with at_most(seconds, HangError(f"not done after {seconds} s")):
        yield


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _standing() -> dict[str, int]:
    """What a reader could leave behind in this process."""
    return {
        "open files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }
