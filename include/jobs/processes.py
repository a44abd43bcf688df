"""Jobs as detached processes of this machine: started, reaped, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from include.jobs.environment import job_environment
from include.jobs.folder import JobFolder

_ROOT = Path(__file__).resolve().parents[2]
_STOP_GRACE_S = 5.0
_POLL_S = 0.05


class JobProcesses:
    """Starts runners, and takes the ended ones off the process table."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, folder: JobFolder, module: str, lock_fd: int) -> None:
        """Run `python -m module {folder} {lock_fd}` as the leader of a session of its own.

        Args:
            folder: The job's; its log takes the output.
            module: The runner of the kind.
            lock_fd: As `JobFolder.make` returned it; closed here, kept by the runner.
        """
        try:
            with folder.log.open("ab") as log:
                self._children[folder.name] = subprocess.Popen(
                    [sys.executable, "-m", module, str(folder.path.resolve()), str(lock_fd)],
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

    def reap(self, name: str) -> None:
        """Wait for a runner that is about to end, if it was started here: it leaves no zombie."""
        if child := self._children.pop(name, None):
            child.wait()


def end_job(folder: JobFolder) -> None:
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
    running = [folder for folder in JobFolder.all(jobs_dir) if folder.is_running()]
    for folder in running:
        end_job(folder)
    return [folder.name for folder in running]


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal the session that the runner leads, unless nobody is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
