"""Starts the confined child, listens to it, and ends it when it goes past its budget."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from include.contracts.errors import TransientError
from include.contracts.quiet import ONNX_RUNTIME
from include.contracts.reasons import QuarantineCode
from include.video.messages import MalformedMessageError, Message, MessageReader
from include.video.refusals import refusal

_LOG = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[2]
_TICK_S = 0.2
_READ_BYTES = 1 << 18
_ERROR_TAIL_BYTES = 2000
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ChildFailedError(RuntimeError):
    """The child ended by an error of ours, not of the recording; its log is in the message."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a child may spend.

    `memory_bytes` bounds its resident memory; wall time is generous, since the
    machine may be busy with other videos.
    """

    cpu_s: float
    wall_s: float
    memory_bytes: int


class ConfinedChild:
    """One child process at work on one recording. Use as a context manager.

    Args:
        request: What `include.video.child` is asked, JSON-serialisable.
        source: The opened recording; the child reads this descriptor only.
        name: How the recording is called towards people; the child is not told, for every user
            of the machine reads command lines.
        budget: Bounds; `allow` replaces it once the recording's length is known.
        pass_fds: Further descriptors the child may keep, by number in the request.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        *,
        source: BinaryIO,
        name: str,
        budget: Budget,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self._request = {
            **request,
            "cpu_s": int(budget.cpu_s) + 1,
            "memory_bytes": budget.memory_bytes,
        }
        self._source = source
        self._name = name
        self._budget = budget
        self._pass_fds = pass_fds
        self._over_budget: str | None = None
        self.peak_memory_bytes = 0
        """Highest resident memory seen, looked at five times a second."""

    def __enter__(self) -> ConfinedChild:
        # The log is a file: a pipe nobody reads would block the child.
        self._errors = tempfile.TemporaryFile()  # closed in __exit__
        self._source.seek(0)
        self._started = time.monotonic()
        self._process = subprocess.Popen(  # our own interpreter and module
            [sys.executable, "-s", "-P", "-m", "include.video.child", json.dumps(self._request)],
            stdin=self._source,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_scrubbed_environment(),
            cwd="/",
            pass_fds=self._pass_fds,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def allow(self, budget: Budget) -> None:
        """Replace the CPU and wall budget that the parent watches."""
        self._budget = budget

    def messages(self) -> Iterator[Message]:
        """Yield what the child says, until it has ended well.

        Raises:
            PermanentInputError: The child refused the recording, crashed on it,
                or went past its budget.
            TransientError: Somebody else killed the child.
            ChildFailedError: The child failed by an error of ours.
        """
        reader = MessageReader()
        try:
            for data in self._chunks():
                for header, payload in reader.feed(data):
                    if header.get("kind") == "refused":
                        raise refusal(QuarantineCode(header["code"]), self._name)
                    yield header, payload
        except MalformedMessageError as error:
            raise refusal(QuarantineCode.UNDECODABLE, self._name) from error
        self._check_end()

    def _chunks(self) -> Iterator[bytes]:
        assert self._process.stdout is not None  # Popen was given a pipe
        descriptor = self._process.stdout.fileno()
        looked_at = 0.0
        while True:
            readable, _, _ = select.select([descriptor], [], [], _TICK_S)
            now = time.monotonic()
            if now - looked_at >= _TICK_S:
                looked_at = now
                self._enforce(now)
            if readable:
                data = os.read(descriptor, _READ_BYTES)
                if not data:
                    return
                yield data

    def _enforce(self, now: float) -> None:
        cpu_s, resident_bytes = _usage(self._process.pid)
        self.peak_memory_bytes = max(self.peak_memory_bytes, resident_bytes)
        if resident_bytes > self._budget.memory_bytes:
            self._over_budget = "memory"
        elif cpu_s > self._budget.cpu_s:
            self._over_budget = "CPU time"
        elif now - self._started > self._budget.wall_s:
            self._over_budget = "time"
        if self._over_budget:
            self._process.kill()

    def _check_end(self) -> None:
        code = self._process.wait()
        if code == 0:
            return
        if self._over_budget or code == -signal.SIGXCPU:
            _LOG.warning("decoder of %r stopped: %s", self._name, self._over_budget or "CPU time")
            raise refusal(QuarantineCode.DECODER_LIMIT, self._name)
        log = self._error_tail()
        if code in (-signal.SIGKILL, -signal.SIGTERM):
            raise TransientError(f"The decoder of {self._name!r} was killed from outside.")
        if code < 0:
            _LOG.warning("decoder of %r died by signal %d: %s", self._name, -code, log)
            raise refusal(QuarantineCode.UNDECODABLE, self._name)
        raise ChildFailedError(f"The decoder of {self._name!r} failed:\n{log}")

    def _error_tail(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _ERROR_TAIL_BYTES))
        return self._errors.read().decode(errors="replace")


def warn_unconfined(name: str) -> None:
    """Say that a recording was decoded without a system-call filter."""
    _LOG.warning(
        "No system-call filter for %r: libseccomp is missing or the kernel refused it. "
        "Only resource limits confine the decoder; install libseccomp2.",
        name,
    )


def _usage(pid: int) -> tuple[float, int]:
    """Return (CPU seconds, resident bytes) of a process; zeros when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0, 0
    # Fields are counted after the command in parentheses, which may hold anything.
    fields = stat[stat.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S, int(fields[21]) * _PAGE_BYTES


def _scrubbed_environment() -> dict[str, str]:
    """Nothing of ours reaches the child but what finding and sizing libraries needs."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZ") if name in os.environ}
    return {
        **kept,
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        "PYTHONHASHSEED": "0",
        **ONNX_RUNTIME,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # One heap: the child has one thread, and a bound on its address space.
        "MALLOC_ARENA_MAX": "1",
    }
