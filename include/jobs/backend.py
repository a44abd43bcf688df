"""What is asked of whoever runs jobs, of whichever kind; each kind adds what its jobs leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from include.jobs.state import JobStatus


class JobSpec(Protocol):
    """What one job is to do."""

    @property
    def name(self) -> str:
        """Unique for ever; in the ledger before the job is created."""
        ...

    @property
    def spec_hash(self) -> str:
        """The same for the same work."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """What every backend knows of a job."""

    name: str
    status: JobStatus
    spec_hash: str | None
    """None: the job was not made by this platform."""
    failure_reason: str | None = None


_Spec_contra = TypeVar("_Spec_contra", bound=JobSpec, contravariant=True)
_Described_co = TypeVar("_Described_co", bound=JobDescription, covariant=True)


class JobBackend(Protocol[_Spec_contra, _Described_co]):
    """Runs jobs of one kind.

    Every method may raise `TransientError` (the same call can succeed later)
    and `ConfigurationError` (it cannot before the named setting is changed).
    """

    def create(self, spec: _Spec_contra) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before, whatever became of that job.
        """
        ...

    def describe(self, name: str) -> _Described_co:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        ...

    def stop(self, name: str) -> None:
        """Ask a job to end early; without effect on one that has ended.

        What was written before stays, nothing is written afterwards.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        ...
