"""Jobs as detached processes of this machine: started, described, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeGuard, TypeVar

from include.jobs.backend import JobSpec
from include.jobs.environment import job_environment
from include.jobs.folder import JobFolder, JobRuntime, JobStanding
from include.jobs.state import JobStatus

_ROOT = Path(__file__).resolve().parents[2]
_STOP_GRACE_S = 5.0
_POLL_S = 0.05


_Folder = TypeVar("_Folder", bound=JobFolder[Any, Any, Any])


class Found(NamedTuple, Generic[_Folder]):
    """What is known of an embedded job."""

    folder: _Folder
    status: JobStatus
    failure_reason: str | None
    said: JobStanding | None
    """How it stands, as its runner said last; None before it did."""


class EmbeddedJobs(Generic[_Folder]):
    """Jobs of one kind as processes of this machine: created, described, stopped.

    Args:
        jobs_dir: One folder for each job; kinds lie side by side.
        kind: Reads the folders of this kind.
        runner: Module that is run as `python -m runner {folder} {lock descriptor}`.
    """

    def __init__(self, jobs_dir: Path, kind: type[_Folder], runner: str) -> None:
        self._jobs_dir = jobs_dir
        self._kind = kind
        self._runner = runner
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def create(self, spec: JobSpec, runtime: JobRuntime) -> None:
        """Start a job as the leader of a session of its own; its log takes the output.

        Raises:
            JobExistsError: The name was used before.
        """
        folder, lock_fd = self._kind.make(self._jobs_dir, spec, runtime)
        try:
            with folder.log.open("ab") as log:
                self._children[folder.name] = subprocess.Popen(
                    [sys.executable, "-m", self._runner, str(folder.path.resolve()), str(lock_fd)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=_ROOT,
                    env=job_environment(os.environ),
                    pass_fds=(lock_fd,),
                    start_new_session=True,
                )
        finally:
            os.close(lock_fd)  # the runner keeps its own copy, and with it the lock

    def describe(self, name: str) -> Found[_Folder]:
        """Return how a job stands.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder = self._kind.open(self._jobs_dir, name)
        # In this order: once the lock is free, what the status says is final.
        running = folder.is_running()
        said = folder.standing()
        status, reason = _state(folder, said, running=running)
        if status.is_terminal:
            self._reap(name)
        return Found(folder, status, reason, said)

    def stop(self, name: str) -> None:
        """End a job; returns when its processes are gone.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder = self._kind.open(self._jobs_dir, name)
        if not _ended(folder.standing()):
            end_job(folder)
        self._reap(name)

    def _reap(self, name: str) -> None:
        """Wait for a runner that is about to end, if it was started here: it leaves no zombie."""
        if child := self._children.pop(name, None):
            child.wait()


def _ended(said: JobStanding | None) -> TypeGuard[JobStanding]:
    return said is not None and said.status.is_terminal


def _state(
    folder: JobFolder[Any, Any, Any], said: JobStanding | None, *, running: bool
) -> tuple[JobStatus, str | None]:
    if _ended(said):
        return said.status, said.failure_reason
    if folder.stop_requested():
        return (JobStatus.STOPPING if running else JobStatus.STOPPED), None
    if running:
        return JobStatus.IN_PROGRESS, None
    return JobStatus.FAILED, f"its process ended unexpectedly, see {folder.log}"


def end_job(folder: JobFolder[Any, Any, Any]) -> None:
    """Mark the job, then end its process group: politely first, by force after a grace period."""
    folder.request_stop()
    kill_at = time.monotonic() + _STOP_GRACE_S
    asked = forced = False
    while folder.is_running():
        # A runner that has just been started has no id yet, and one in another container none
        # that means anything here: they look for the mark themselves, between two pieces of work.
        pid = folder.process_id()
        if pid is not None and not asked:
            asked = True
            _signal_group(pid, signal.SIGTERM)
        if pid is not None and not forced and time.monotonic() > kill_at:
            forced = True
            _signal_group(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def stop_all(jobs_dir: Path) -> list[str]:
    """Stop every running job under `jobs_dir`, of whichever kind; return their names."""
    found: list[JobFolder[Any, Any, Any]] = JobFolder.all(jobs_dir)
    running = [folder for folder in found if folder.is_running()]
    for folder in running:
        end_job(folder)
    return [folder.name for folder in running]


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal the session that the runner leads, unless nobody is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
