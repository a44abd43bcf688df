"""The embedded backend: a job is a detached process on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from include.inference.backend import JobDescription, JobStatus, find_outputs
from include.inference.embedded_job import JobFolder, Progress, Runtime
from include.inference.package import model_cache
from include.inference.spec import TransformSpec
from include.settings import StorageSettings, TransformSettings

if TYPE_CHECKING:
    from include.lake.store import Lake

_ROOT = Path(__file__).resolve().parents[2]
_STOP_GRACE_S = 5.0
_POLL_S = 0.05


class EmbeddedBackend:
    """Runs transform jobs as processes of this machine, under the contract of `InferenceBackend`.

    A job outlives the task that created it, so that a retry adopts it, and
    survives nothing else: a job whose machine restarts is found Failed and its
    missing shards go into the next generation.
    """

    def __init__(
        self, *, settings: TransformSettings, storage: StorageSettings, lake: Lake
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
        )
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def create(self, spec: TransformSpec) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before.
        """
        folder, lock_fd = JobFolder.create(self._jobs_dir, spec, self._runtime)
        try:
            with folder.log.open("ab") as log:
                self._children[spec.name] = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "include.inference.embedded_runner",
                        str(folder.path.resolve()),
                        str(lock_fd),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=_ROOT,
                    pass_fds=(lock_fd,),
                    start_new_session=True,
                )
        finally:
            os.close(lock_fd)  # the runner keeps its own copy, and with it the lock

    def describe(self, name: str) -> JobDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder = JobFolder.open(self._jobs_dir, name)
        # In this order: once the lock is free, what the status says is final.
        running = folder.is_running()
        progress = folder.progress()
        spec = folder.spec()
        status, reason = _state(folder, progress, running=running)
        if status.is_terminal and (child := self._children.pop(name, None)):
            child.wait()  # it is about to end; leaves no zombie behind
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
        folder = JobFolder.open(self._jobs_dir, name)
        progress = folder.progress()
        if progress is None or not progress.status.is_terminal:
            end_job(folder)
        if child := self._children.pop(name, None):
            child.wait()

    def list_outputs(self, spec: TransformSpec) -> Mapping[str, str]:
        """Return the lake key of each answer by the basename of its shard."""
        return find_outputs(self._lake, spec)


def stop_all(jobs_dir: Path) -> list[str]:
    """Stop every running job under `jobs_dir`, of whichever kind; return their names."""
    stopped = []
    for spec_file in sorted(jobs_dir.glob("[!.]*/spec.json")):
        folder = JobFolder(spec_file.parent)
        if folder.is_running():
            end_job(folder)
            stopped.append(folder.name)
    return stopped


def _state(
    folder: JobFolder, progress: Progress | None, *, running: bool
) -> tuple[JobStatus, str | None]:
    if progress and progress.status.is_terminal:
        return progress.status, progress.failure_reason
    if folder.stop_requested():
        return (JobStatus.STOPPING if running else JobStatus.STOPPED), None
    if running:
        return JobStatus.IN_PROGRESS, None
    return JobStatus.FAILED, f"the worker process ended unexpectedly, see {folder.log}"


def end_job(folder: JobFolder) -> None:
    """Mark the job, then end its process group: politely first, by force after a grace period."""
    folder.request_stop()
    kill_at = time.monotonic() + _STOP_GRACE_S
    asked = forced = False
    while folder.is_running():
        # A runner that has just been started has no id yet; it looks for the mark itself.
        pid = folder.process_id()
        if pid is not None and not asked:
            asked = True
            _signal_group(pid, signal.SIGTERM)
        if pid is not None and not forced and time.monotonic() > kill_at:
            forced = True
            _signal_group(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal the session that the runner leads, unless nobody is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
