"""What the folder of an embedded transform job holds: its specification, runtime and progress."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from include.inference.spec import TransformSpec
from include.jobs.folder import JobFolder, JobRuntime
from include.jobs.state import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime(JobRuntime):
    """How the runner works."""

    models_dir: str
    """Cache of unpacked model packages."""
    workers: int
    threads: int
    """Of each worker, for the model's arithmetic."""
    signers: tuple[str, ...] = ()
    """Who may stand for the model package; public keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Content of `status.json`."""

    status: JobStatus
    done: int
    total: int
    failure_reason: str | None = None


class TransformFolder(JobFolder):
    """The folder of one transform job."""

    def spec(self) -> TransformSpec:
        """The job's specification."""
        return TransformSpec.from_json(self.read_spec())

    def runtime(self) -> Runtime:
        """How the runner works."""
        return Runtime(**self.read_runtime())

    def write_progress(self, progress: Progress) -> None:
        """Replace the status."""
        self.write_status(asdict(progress))
