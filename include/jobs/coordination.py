"""One job, however often the process that wants it is killed: created or adopted, and awaited."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from include.contracts.errors import TransientError
from include.jobs.state import JobExistsError, JobStatus

log = logging.getLogger(__name__)

NAME_TAKEN = "the name is taken by another job"
"""Why a job that is recorded in the ledger is closed there without ever having run."""


class Submission(StrEnum):
    """How a job came to be ours."""

    CREATED = "created"
    ADOPTED = "adopted"
    NAME_TAKEN = "name taken"
    """Somebody else's job has the name; the next generation gets another one."""


class Described(Protocol):
    """What every backend knows of a job."""

    @property
    def status(self) -> JobStatus:
        """Where it stands."""
        ...

    @property
    def spec_hash(self) -> str | None:
        """The same for the same work; None: the job was not made by this platform."""
        ...


_Found = TypeVar("_Found", bound=Described)


def create_or_adopt(
    name: str,
    spec_hash: str,
    *,
    create: Callable[[], None],
    describe: Callable[[str], Described],
) -> Submission:
    """Make sure that a job exists; safe to repeat after a crash at any point.

    Args:
        name: The job's, in the ledger already.
        spec_hash: Of what it is to do.
        create: Starts it.
        describe: Returns the state of a job.

    Raises:
        TransientError: The backend failed for now; the job may exist.
        ConfigurationError: The backend refuses the job; a setting is named.
    """
    try:
        create()
    except JobExistsError:
        found = describe(name)
        if found.spec_hash == spec_hash:
            log.info("adopted %s, which is %s", name, found.status)
            return Submission.ADOPTED
        log.warning("the name %s is taken by another job", name)
        return Submission.NAME_TAKEN
    log.info("created %s", name)
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
