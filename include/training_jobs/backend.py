"""The contract of a training backend; one suite of tests holds both to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from include.jobs.backend import JobBackend, JobDescription
from include.training_jobs.spec import TrainingSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingDescription(JobDescription):
    """What a backend knows of a training job."""

    permanent: bool = False
    """It failed for a reason that another try would meet again."""
    stage: str | None = None
    """What it does just now, in the backend's words."""


class TrainingBackend(JobBackend[TrainingSpec, TrainingDescription], Protocol):
    """Runs training jobs; each goes on from the checkpoint of its request, if there is one."""

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
