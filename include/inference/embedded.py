"""The embedded backend: a job is a detached process on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from include.inference.backend import TransformDescription, find_outputs
from include.inference.embedded_job import Progress, Runtime, TransformFolder
from include.inference.package import model_cache
from include.inference.spec import TransformSpec
from include.jobs.processes import EmbeddedJobs
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
        self._jobs = EmbeddedJobs(settings.jobs_dir, TransformFolder, _RUNNER)

    def create(self, spec: TransformSpec) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before.
        """
        self._jobs.create(spec, self._runtime)

    def describe(self, name: str) -> TransformDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder, status, reason, said = self._jobs.describe(name)
        spec = folder.spec()
        return TransformDescription(
            name=name,
            status=status,
            spec_hash=spec.spec_hash,
            failure_reason=reason,
            done=said.done if isinstance(said, Progress) else 0,
            total=len(spec.shard_keys),
        )

    def stop(self, name: str) -> None:
        """End a job; returns when its processes are gone.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        self._jobs.stop(name)

    def list_outputs(self, spec: TransformSpec) -> Mapping[str, str]:
        """Return the lake key of each answer by the basename of its shard."""
        return find_outputs(self._lake, spec)
