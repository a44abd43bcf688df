"""The embedded backend: a job is a detached process on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from include.inference.backend import JobDescription, find_outputs
from include.inference.embedded_job import Progress, Runtime, TransformFolder
from include.inference.package import model_cache
from include.inference.spec import TransformSpec
from include.jobs.processes import JobProcesses, end_job
from include.jobs.state import JobStatus
from include.settings import StorageSettings, TransformSettings

if TYPE_CHECKING:
    from include.lake.store import Lake

_RUNNER = "include.inference.embedded_runner"


class EmbeddedBackend:
    """Runs transform jobs as processes of this machine, under the contract of `InferenceBackend`.

    A job outlives the task that created it, so that a retry adopts it, and
    survives nothing else: a job whose machine restarts is found Failed and its
    missing shards go into the next generation.
    """

    def __init__(
        self,
        *,
        settings: TransformSettings,
        storage: StorageSettings,
        lake: Lake,
        signers: tuple[str, ...] = (),
    ) -> None:
        self._jobs_dir = settings.jobs_dir
        self._lake = lake
        self._runtime = Runtime(
            lake_url=storage.lake_url,
            s3_endpoint_url=storage.s3_endpoint_url,
            s3_region=storage.s3_region,
            models_dir=str(model_cache(settings)),
            workers=settings.embedded_workers,
            threads=settings.embedded_threads,
            signers=signers,
        )
        self._processes = JobProcesses()

    def create(self, spec: TransformSpec) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before.
        """
        folder, lock_fd = TransformFolder.create(self._jobs_dir, spec, self._runtime)
        self._processes.start(folder, _RUNNER, lock_fd)

    def describe(self, name: str) -> JobDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder = TransformFolder.open(self._jobs_dir, name)
        # In this order: once the lock is free, what the status says is final.
        running = folder.is_running()
        progress = folder.progress()
        spec = folder.spec()
        status, reason = _state(folder, progress, running=running)
        if status.is_terminal:
            self._processes.reap(name)
        return JobDescription(
            name=name,
            status=status,
            spec_hash=spec.spec_hash,
            failure_reason=reason,
            done=progress.done if progress else 0,
            total=len(spec.shard_keys),
        )

    def stop(self, name: str) -> None:
        """End a job; returns when its processes are gone.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder = TransformFolder.open(self._jobs_dir, name)
        progress = folder.progress()
        if progress is None or not progress.status.is_terminal:
            end_job(folder)
        self._processes.reap(name)

    def list_outputs(self, spec: TransformSpec) -> Mapping[str, str]:
        """Return the lake key of each answer by the basename of its shard."""
        return find_outputs(self._lake, spec)


def _state(
    folder: TransformFolder, progress: Progress | None, *, running: bool
) -> tuple[JobStatus, str | None]:
    if progress and progress.status.is_terminal:
        return progress.status, progress.failure_reason
    if folder.stop_requested():
        return (JobStatus.STOPPING if running else JobStatus.STOPPED), None
    if running:
        return JobStatus.IN_PROGRESS, None
    return JobStatus.FAILED, f"the worker process ended unexpectedly, see {folder.log}"
