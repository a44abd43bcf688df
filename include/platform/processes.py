"""Long-running processes, each in its own group, that never leave an orphan.

A process is known by a record in the run folder (pid and start time: a pid
alone may belong to somebody else after a restart). Every process also carries
the platform's mark in its environment, and its descendants inherit it, so that
those that left their group are found as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from include.contracts.documents import DocumentError, Form
from include.platform.environment import COMPONENT_VARIABLE, ID_VARIABLE

_SAME_START_S = 2.0
"""Clocks that are stepped move a process's apparent start."""
_POLL_S = 0.05
_KILL_WAIT_S = 5.0
_MAX_LOG_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process that was started, alive or not."""

    name: str
    pid: int
    started_at_s: float
    """Start time as the operating system tells it, seconds since the epoch."""

    def process(self) -> psutil.Process | None:
        """Return the live process, or None when it has gone or the pid is another's."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started_at_s) > _SAME_START_S:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None


RECORD = Form(ProcessRecord)


class ProcessManager:
    """Starts, finds and stops the processes of one platform.

    Args:
        run_dir: Where process records are kept.
        logs_dir: Where each process writes its output.
        platform_id: The mark in the environment of this platform's processes.
    """

    def __init__(self, *, run_dir: Path, logs_dir: Path, platform_id: str) -> None:
        self._run_dir = run_dir
        self._logs_dir = logs_dir
        self._platform_id = platform_id
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def log_file(self, name: str) -> Path:
        """Where a process writes."""
        return self._logs_dir / f"{name}.log"

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path
    ) -> ProcessRecord:
        """Start a process in its own session, writing to its log, and record it."""
        log = self.log_file(name)
        if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        marked = {**env, ID_VARIABLE: self._platform_id, COMPONENT_VARIABLE: name}
        with log.open("ab") as stream:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=marked,
                cwd=cwd,
                start_new_session=True,
            )
        self._children[child.pid] = child
        record = ProcessRecord(name, child.pid, psutil.Process(child.pid).create_time())
        draft = self._record_file(name).with_suffix(".new")
        draft.write_bytes(RECORD.write(record))
        draft.replace(self._record_file(name))
        return record

    def find(self, name: str) -> ProcessRecord | None:
        """Return the record of a live process; a record left by a dead one is removed."""
        try:
            record = RECORD.read(self._record_file(name).read_bytes(), name)
        except (FileNotFoundError, DocumentError):
            return None
        self._reap()
        if record.process() is None:
            self._record_file(name).unlink(missing_ok=True)
            return None
        return record

    def exit_status(self, record: ProcessRecord) -> int | None:
        """Return the exit status of a process this manager started, None when it is not known."""
        child = self._children.get(record.pid)
        return child.poll() if child else None

    def marked(
        self, *, components: Iterable[str] | None = None, keep: Callable[[str], bool] | None = None
    ) -> list[psutil.Process]:
        """Return every live process that carries the platform's mark, and their descendants.

        Args:
            components: Only processes started for (or by) one of these.
            keep: Leaves out a process, by its command line.
        """
        wanted = None if components is None else set(components)
        mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            # Another user's process, or one that ends right now, is not ours to find.
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid in mine or not self._carries_mark(process, wanted):
                    continue
                for member in (process, *process.children(recursive=True)):
                    if member.pid in mine or (keep and keep(" ".join(member.cmdline()))):
                        continue
                    found[member.pid] = member
        return [process for process in found.values() if _is_alive(process)]

    def stop(self, names: Sequence[str], *, timeout_s: float) -> list[str]:
        """Stop processes by group: SIGTERM, and SIGKILL for what is left after the timeout.

        Returns:
            The names of those that had to be killed.
        """
        records = [record for name in names if (record := self.find(name))]
        members = {record.name: _group_members(record.pid) for record in records}
        for record in records:
            _signal_group(record.pid, signal.SIGTERM)
        everyone = [process for group in members.values() for process in group]
        remaining = {process.pid for process in self._wait_gone(everyone, timeout_s)}
        killed = [name for name, group in members.items() if remaining & {p.pid for p in group}]
        for record in records:
            if record.name in killed:
                _signal_group(record.pid, signal.SIGKILL)
            self._record_file(record.name).unlink(missing_ok=True)
        self._wait_gone(everyone, _KILL_WAIT_S)
        return killed

    def sweep(
        self,
        *,
        components: Iterable[str] | None = None,
        keep: Callable[[str], bool] | None = None,
        grace_s: float = 2.0,
    ) -> int:
        """End every process that still carries the mark; return how many there were."""
        wanted = None if components is None else list(components)
        orphans = self.marked(components=wanted, keep=keep)
        seen = {process.pid for process in orphans}
        for process in orphans:
            _signal(process, signal.SIGTERM)
        self._wait_gone(orphans, grace_s)
        # A process may have started another one meanwhile: look again until none is left.
        deadline = time.monotonic() + _KILL_WAIT_S
        while (orphans := self.marked(components=wanted, keep=keep)) and (
            time.monotonic() < deadline
        ):
            seen |= {process.pid for process in orphans}
            for process in orphans:
                _signal(process, signal.SIGKILL)
            self._wait_gone(orphans, 1.0)
        return len(seen)

    def _record_file(self, name: str) -> Path:
        return self._run_dir / f"{name}.json"

    def _carries_mark(self, process: psutil.Process, components: set[str] | None) -> bool:
        environ = process.environ()
        if environ.get(ID_VARIABLE) != self._platform_id:
            return False
        return components is None or environ.get(COMPONENT_VARIABLE) in components

    def _wait_gone(
        self, processes: Sequence[psutil.Process], timeout_s: float
    ) -> list[psutil.Process]:
        """Wait until the processes have ended; return those that have not."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._reap()
            alive = [process for process in processes if _is_alive(process)]
            if not alive or time.monotonic() >= deadline:
                return alive
            time.sleep(_POLL_S)

    def _reap(self) -> None:
        """Collect children that ended, so that they do not stay behind as zombies."""
        for child in self._children.values():
            child.poll()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _group_members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and _is_alive(process):
                members.append(process)
    return members


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error, OSError):
        process.send_signal(number)
