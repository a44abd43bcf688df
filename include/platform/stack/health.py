"""One instance's health check: when it is asked, and what its answers mean."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from include.platform.stack.compose import HealthCheck


class Health(StrEnum):
    """What is known of an instance, in an engine's words."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Prober:
    """Asks an instance again and again, never waiting for the answer.

    Args:
        check: When and how often.
        command: Returns what to run, None while the instance has no process to enter.
        clock: Seconds, steady.
    """

    def __init__(
        self,
        check: HealthCheck,
        command: Callable[[], Sequence[str] | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._command = command
        self._clock = clock
        self._began_s = clock()
        self._next_s = self._began_s + self._pause_s(Health.STARTING)
        self._asked_s = 0.0
        self._asking: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self.health = Health.STARTING

    def step(self) -> None:
        """Take an answer, or ask when it is time."""
        now_s = self._clock()
        if self._asking is not None:
            status = self._asking.poll()
            if status is None and now_s - self._asked_s < self._check.timeout_s:
                return
            self.stop()
            self._take(now_s, good=status == 0)
        elif now_s >= self._next_s:
            command = self._command()
            if command is None:
                return
            self._asked_s = now_s
            self._asking = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End a question that is still open."""
        if self._asking is None:
            return
        if self._asking.poll() is None:
            # The group: what was entered is a child of the one that entered.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._asking.pid, signal.SIGKILL)
        self._asking.wait()
        self._asking = None

    def _take(self, now_s: float, *, good: bool) -> None:
        if good:
            self._failures = 0
            self.health = Health.HEALTHY
        elif self.health is not Health.STARTING or not self._is_starting(now_s):
            self._failures += 1
            if self._failures >= self._check.retries:
                self.health = Health.UNHEALTHY
        self._next_s = now_s + self._pause_s(self.health)

    def _is_starting(self, now_s: float) -> bool:
        return now_s - self._began_s < self._check.start_period_s

    def _pause_s(self, health: Health) -> float:
        """Return the time until the next question, as an engine has it."""
        if health is Health.STARTING and self._is_starting(self._clock()):
            return min(self._check.start_interval_s, self._check.interval_s)
        return self._check.interval_s
