"""One job, however often the process that wants it is killed: created or adopted, and awaited."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from include.contracts.errors import PlatformError, TransientError
from include.jobs.backend import JobBackend, JobDescription, JobSpec
from include.jobs.state import JobExistsError

log = logging.getLogger(__name__)


class JobStoppedError(PlatformError):
    """A person stopped the job while it was waited for: it is not started again unasked."""


class Submission(StrEnum):
    """How a job came to be ours."""

    CREATED = "created"
    ADOPTED = "adopted"
    NAME_TAKEN = "name taken"
    """Somebody else's job has the name; the next generation gets another one."""


_Spec = TypeVar("_Spec", bound=JobSpec)
_Found = TypeVar("_Found", bound=JobDescription)


def create_or_adopt(
    spec: _Spec, backend: JobBackend[_Spec, JobDescription], close: Callable[[str], None]
) -> Submission:
    """Make sure that a job exists; safe to repeat after a crash at any point.

    Args:
        spec: In the ledger already.
        backend: Runs it.
        close: Records that this job failed without ever having run, for the reason given.

    Raises:
        TransientError: The backend failed for now; the job may exist.
        ConfigurationError: The backend refuses the job; a setting is named.
    """
    try:
        backend.create(spec)
    except JobExistsError:
        found = backend.describe(spec.name)
        if found.spec_hash == spec.spec_hash:
            log.info("adopted %s, which is %s", spec.name, found.status)
            return Submission.ADOPTED
        log.warning("the name %s is taken by another job", spec.name)
        close("the name is taken by another job")
        return Submission.NAME_TAKEN
    log.info("created %s", spec.name)
    return Submission.CREATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How jobs are waited for.

    Attributes:
        timeout_s: One is stopped after so long.
        setting: What says so, for the message.
        poll_interval_s: Between two looks.
        sleep: Takes seconds.
        clock: Returns seconds, from any start.
    """

    timeout_s: float
    setting: str
    poll_interval_s: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def until_ended(
        self,
        name: str,
        *,
        poll: Callable[[], _Found],
        stop: Callable[[str], None],
        on_poll: Callable[[_Found], None] | None = None,
    ) -> _Found:
        """Poll a job until it has ended; a poll that fails for now is repeated.

        Args:
            name: The job.
            poll: Returns its state.
            stop: Asks it to end early.
            on_poll: Told each state; what it raises ends the waiting.

        Raises:
            TransientError: The job did not end within `timeout_s`; it was stopped.
        """
        give_up_at = self.clock() + self.timeout_s
        while True:
            try:
                found = poll()
            except TransientError as error:
                log.warning("will ask again for %s: %s", name, error)
            else:
                if on_poll is not None:
                    on_poll(found)
                if found.status.is_terminal:
                    return found
            if self.clock() > give_up_at:
                stop(name)
                raise TransientError(
                    f"{name} was stopped: it did not end within {self.setting}={self.timeout_s:g}"
                )
            self.sleep(self.poll_interval_s)
