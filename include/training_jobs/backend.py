"""The contract of a training backend; one suite of tests holds both to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from include.jobs.state import JobStatus
from include.training_jobs.spec import TrainingSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingDescription:
    """What a backend knows of a job."""

    name: str
    status: JobStatus
    spec_hash: str | None
    """None: the job was not made by this platform."""
    failure_reason: str | None = None
    permanent: bool = False
    """It failed for a reason that another try would meet again."""
    stage: str | None = None
    """What it does just now, in the backend's words."""


class TrainingBackend(Protocol):
    """Runs training jobs.

    Every method may raise `TransientError` (the same call can succeed later)
    and `ConfigurationError` (it cannot before the named setting is changed).
    """

    def create(self, spec: TrainingSpec) -> None:
        """Start a job; it goes on from the checkpoint of its request, if there is one.

        Raises:
            JobExistsError: The name was used before, whatever became of that job.
        """
        ...

    def describe(self, name: str) -> TrainingDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        ...

    def stop(self, name: str) -> None:
        """Ask a job to end early; without effect on one that has ended.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        ...

    def news(self, name: str) -> list[str]:
        """Return lines of the job's log that this object has not returned yet."""
        ...

    def fetch(self, spec: TrainingSpec, into_dir: Path) -> Path:
        """Copy what a completed job left to a folder under `into_dir`; return the folder.

        Raises:
            TransientError: It is not there (yet).
        """
        ...

    def forget(self, request_id: str) -> None:
        """Remove what is kept on this machine for the jobs of a request that has ended."""
        ...
