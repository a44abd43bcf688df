"""One damaged recording through the product's own doors, and what came of it.

The doors are those the stages use: `probe_file`, then `extract_file`, each with its confined
child, budgets and refusals, in a scratch folder that is taken away as the stage does.
"""

from __future__ import annotations

import gc
import logging
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.time_limit import at_most
from include.contracts.errors import PermanentInputError
from include.contracts.extraction import EXTRACTION
from include.contracts.reasons import QuarantineCode
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import ExtractionResult, extract_file
from include.video.probe import probe_file

SAMPLE_RATE_HZ = 2.0


class Outcome(StrEnum):
    """What came of a recording. Only the first two are as it should be."""

    READ = "read"
    REFUSED = "refused"
    CONTAINED = "crash in the child"
    """The decoder died by a signal; the recording was refused, nothing else was touched."""
    HANG = "hang"
    """Past the budget of time that the product gives, or past this run's own."""
    CRASH = "crash"
    """An error that is no refusal left the product."""
    UNSOUND = "unsound result"
    """Read, but what was written breaks the manifest's contract."""
    LEFTOVER = "leftover"
    """A file, a process or an open descriptor stayed behind."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one recording ended: `detail` is the refusal's code, or what went wrong."""

    outcome: Outcome
    detail: str
    wall_s: float


class Room:
    """A folder in which recordings are tried one after the other, by one process.

    Temporary files of this process go into it as well, so that nothing can be left elsewhere
    unseen.

    Args:
        folder: Empty, of this process alone.
        hang_s: Wall time after which a recording counts as hanging.
    """

    def __init__(self, folder: Path, *, hang_s: float) -> None:
        self._folder = folder
        self._hang_s = hang_s
        tempfile.tempdir = str(folder)
        self._warm = False

    def try_bytes(self, data: bytes, name: str) -> Ended:
        """Put a recording through probe and extraction, as the stages do."""
        started = time.monotonic()
        children, descriptors = _children(), _descriptors()
        outcome, detail = self._try(data, name)
        leftover = self._leftover(children, descriptors)
        if leftover:
            outcome, detail = Outcome.LEFTOVER, f"{leftover} after {outcome.value} ({detail})"
        return Ended(outcome, detail, time.monotonic() - started)

    def _try(self, data: bytes, name: str) -> tuple[Outcome, str]:
        with _warnings_of_the_decoder() as warnings:
            try:
                with at_most(self._hang_s, _HangError()):
                    return Outcome.READ, self._read(data, name)
            except PermanentInputError as refused:
                return _refused(refused, name, warnings)
            except UnsoundError as unsound:
                return Outcome.UNSOUND, str(unsound)
            except _HangError:
                return Outcome.HANG, f"more than {self._hang_s:g} s"
            except Exception as error:  # noqa: BLE001  whatever it is, it must not leave a stage
                return Outcome.CRASH, f"{type(error).__name__}: {error}"

    def _read(self, data: bytes, name: str) -> str:
        limits = LimitSettings()
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            path, workdir = Path(scratch) / "recording", Path(scratch) / "extraction"
            workdir.mkdir()
            path.write_bytes(data)
            report = probe_file(path, name, limits)
            result = extract_file(
                path,
                name,
                video_id="0" * 64,
                extraction_id="0" * 32,
                settings=ExtractionSettings(sample_rate_hz=SAMPLE_RATE_HZ),
                limits=limits,
                workdir=workdir,
                probe=report,
            )
            check(result)
            return "all" if result.summary.instants_usable else "no usable face"

    def _leftover(self, children_before: set[str], descriptors_before: int) -> str:
        gc.collect()
        files = sorted(path.name for path in self._folder.rglob("*"))
        if files:
            return f"files {files[:3]}"
        children = _children() - children_before
        if children:
            return f"{len(children)} processes"
        # The first recording loads libraries that keep descriptors of their own.
        if self._warm and _descriptors() > descriptors_before:
            return f"{_descriptors() - descriptors_before} open descriptors"
        self._warm = True
        return ""


def _children() -> set[str]:
    """Process ids of this process's children, those that ended and were not awaited as well."""
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class _HangError(Exception):
    """The time of this run is over."""


class UnsoundError(Exception):
    """What an extraction wrote breaks its contract."""


def check(result: ExtractionResult) -> None:
    """Hold what an extraction wrote to its contract.

    Raises:
        UnsoundError: An instant is missing or out of order, a time runs backwards, a usable
            face has no crop or a crop no row, or the summary counts something else.
    """
    # From memory: Arrow's own threads close a file some time after it was read.
    rows = pq.read_table(pa.BufferReader(result.manifest_path.read_bytes())).to_pylist()
    instants = sorted({row["instant"] for row in rows})
    if instants != list(range(result.summary.instants_expected)):
        raise UnsoundError("an instant is missing, or there are more than the summary says")
    if [row["instant"] for row in rows] != sorted(row["instant"] for row in rows):
        raise UnsoundError("rows out of order")
    times = [row["pts_s"] for row in rows if row["pts_s"] is not None]
    if times != sorted(times):
        raise UnsoundError("time runs backwards")
    usable = {f"{row['row_id']}.jpg" for row in rows if row["reason"] is None}
    crops: set[str] = set()
    for shard in result.shard_paths:
        with tarfile.open(shard) as tar:
            crops.update(tar.getnames())
    if usable != crops:
        raise UnsoundError("crops and usable faces are not the same")
    path = result.summary_path
    if EXTRACTION.read(path.read_bytes(), path.name) != result.summary:
        raise UnsoundError("extraction.json is not the summary")


def _refused(refused: PermanentInputError, name: str, warnings: list[str]) -> tuple[Outcome, str]:
    """Behind some refusals is a signal or a spent budget; each names the file and what to do."""
    died = [text for text in warnings if "died by signal" in text]
    if died:
        return Outcome.CONTAINED, died[0].splitlines()[0]
    if any("stopped: CPU time" in text or "stopped: time" in text for text in warnings):
        return Outcome.HANG, refused.code
    clear = name in refused.sentence and refused.remedy and QuarantineCode(refused.code)
    return (Outcome.REFUSED, refused.code) if clear else (Outcome.CRASH, f"unclear: {refused}")


@contextmanager
def _warnings_of_the_decoder() -> Iterator[list[str]]:
    """What the parent logs of its children: the only place that tells how one ended."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger("include.video.process"), Listener(logging.WARNING)
    logger.addHandler(listener)
    propagated, logger.propagate = logger.propagate, False
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagated
