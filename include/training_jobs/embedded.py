"""The embedded backend: a training job is a detached process on this machine.

```
{jobs_dir}/{name}/                a job's folder as `include.jobs.folder` has it
{jobs_dir}/.training/{request}/   data/ and run/: shared by the generations of a request
```

Jobs lie beside those of inference: what stops the platform stops them as well.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from include.contracts.errors import TransientError
from include.jobs.folder import JobFolder, JobRuntime, JobStanding
from include.jobs.processes import EmbeddedJobs
from include.jobs.state import JobStatus
from include.training_jobs.backend import TrainingDescription
from include.training_jobs.spec import RESULTS, TrainingSpec

if TYPE_CHECKING:
    from include.lake.store import Lake
    from include.settings import Settings

_RUNNER = "include.training_jobs.runner"
_SHARED = ".training"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRuntime(JobRuntime):
    """How the process works."""

    threads: int
    abandoned_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStanding(JobStanding):
    """How the process ended; `permanent`: another try would end alike."""

    permanent: bool = False


class TrainingFolder(JobFolder[TrainingSpec, TrainingRuntime, TrainingStanding]):
    """The folder of one training job."""

    spec_form = Form(TrainingSpec)
    runtime_form = Form(TrainingRuntime)
    standing_form = Form(TrainingStanding)

    @property
    def shared(self) -> Path:
        """Data and checkpoints of the request, kept from one generation to the next."""
        return self.path.parent / _SHARED / self.spec().request_id

    @property
    def watched(self) -> Path:
        """Touched when the process starts, and whenever somebody asks about the job."""
        return self.path / "watched"

    def write_end(
        self, status: JobStatus, reason: str | None = None, *, permanent: bool = False
    ) -> None:
        """Record how the job ended."""
        self.write_standing(
            TrainingStanding(status=status, failure_reason=reason, permanent=permanent)
        )


class EmbeddedTraining:
    """Runs training jobs as processes of this machine, under the contract of `TrainingBackend`.

    A job outlives the task that created it, so that a retry adopts it. One that nobody
    asks about any longer stops itself: no process is left behind by a task that is gone.
    """

    def __init__(self, *, settings: Settings, lake: Lake) -> None:
        self._jobs_dir = settings.transform.jobs_dir
        self._lake = lake
        self._runtime = TrainingRuntime(
            lake_url=settings.storage.lake_url,
            s3_endpoint_url=settings.storage.s3_endpoint_url,
            s3_region=settings.storage.s3_region,
            threads=settings.training.embedded_threads,
            abandoned_after_s=settings.training.abandoned_after_s,
        )
        self._jobs = EmbeddedJobs(self._jobs_dir, TrainingFolder, _RUNNER)
        self._read: dict[str, int] = {}

    def create(self, spec: TrainingSpec) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before.
        """
        self._jobs.create(spec, self._runtime)

    def describe(self, name: str) -> TrainingDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder, status, reason, said = self._jobs.describe(name)
        folder.watched.touch()
        return TrainingDescription(
            name=name,
            status=status,
            spec_hash=folder.spec().spec_hash,
            failure_reason=reason,
            permanent=isinstance(said, TrainingStanding) and said.permanent,
        )

    def stop(self, name: str) -> None:
        """End a job; returns when its process is gone.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        self._jobs.stop(name)

    def news(self, name: str) -> list[str]:
        """Return whole lines of the job's log that were not returned yet."""
        try:
            with TrainingFolder.open(self._jobs_dir, name).log.open("rb") as log:
                log.seek(self._read.get(name, 0))
                whole, newline, _ = log.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._read[name] = self._read.get(name, 0) + len(whole) + len(newline)
        return whole.decode(errors="replace").splitlines()

    def fetch(self, spec: TrainingSpec, into_dir: Path) -> Path:
        """Copy what a completed job left in the lake to `into_dir/run`."""
        folder = into_dir / RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        found = list(self._lake.list(f"{spec.output_prefix}/{RESULTS}"))
        if not found:
            raise TransientError(f"{spec.name} left nothing under {spec.output_prefix!r}")
        for key in found:
            (folder / key.rpartition("/")[2]).write_bytes(self._lake.get_bytes(key))
        return folder

    def forget(self, request_id: str) -> None:
        """Remove the local data and checkpoints of a request that has ended."""
        shutil.rmtree(self._jobs_dir / _SHARED / request_id, ignore_errors=True)
