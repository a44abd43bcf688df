"""The states of a job, and what a backend says of a name."""

from __future__ import annotations

from enum import StrEnum

from include.contracts.errors import PlatformError


class JobStatus(StrEnum):
    """States of a job, spelled as SageMaker spells them."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @property
    def is_terminal(self) -> bool:
        """Nothing more will be written by the job."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED)


class JobExistsError(PlatformError):
    """A job of this name exists; names are never free again."""

    def __init__(self, name: str) -> None:
        super().__init__(f"job {name!r} exists")
        self.name = name

    def __reduce__(self) -> tuple[type[JobExistsError], tuple[str]]:
        return (type(self), (self.name,))


class JobNotFoundError(PlatformError):
    """No job of this name was ever created."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no job {name!r}")
        self.name = name

    def __reduce__(self) -> tuple[type[JobNotFoundError], tuple[str]]:
        return (type(self), (self.name,))
