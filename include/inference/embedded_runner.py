"""The process of an embedded job.

`python -m include.inference.embedded_runner {job_dir} {lock descriptor}` is
started by `EmbeddedBackend.create` as the leader of a session. It unpacks the
model package, hands one shard after another to its workers, and records
progress and the terminal status in the job's folder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from include.contracts.errors import PlatformError
from include.inference.embedded_job import Progress, Runtime, TransformFolder
from include.inference.package import unpack_package
from include.inference.spec import TransformSpec, basename
from include.jobs.state import JobStatus

log = logging.getLogger(__name__)

_REASONS_SHOWN = 3


class Runner:
    """Works through one job's shards."""

    def __init__(self, folder: TransformFolder) -> None:
        self._folder = folder
        self._spec: TransformSpec = folder.spec()
        self._runtime: Runtime = folder.runtime()
        self._todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._workers: set[subprocess.Popen[str]] = set()
        self._done = 0
        self._failures: dict[str, str] = {}
        self._stopping = False

    def run(self) -> JobStatus:
        """Answer every shard; one that fails does not keep the others from being answered."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        self._folder.write_process_id()
        self._report(JobStatus.IN_PROGRESS)
        reason = None
        if not self._should_stop():
            try:
                model_dir = unpack_package(
                    self._spec.model_package_uri,
                    self._spec.model_sha256,
                    Path(self._runtime.models_dir),
                    self._runtime.storage(),
                    signers=self._runtime.signers,
                )
            except PlatformError as error:
                reason = str(error)
            else:
                self._serve_all(model_dir)
        if self._should_stop():
            status = JobStatus.STOPPED
        elif reason or self._failures:
            status, reason = JobStatus.FAILED, reason or self._summary()
        else:
            status = JobStatus.COMPLETED
        self._report(status, reason)
        log.info("%s: %s %s", self._spec.name, status, reason or "")
        return status

    def _serve_all(self, model_dir: Path) -> None:
        for key in self._spec.shard_keys:
            self._todo.put(key)
        count = min(self._runtime.workers, len(self._spec.shard_keys))
        threads = [
            threading.Thread(target=self._feed, args=(model_dir,), name=f"worker-{index}")
            for index in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _feed(self, model_dir: Path) -> None:
        """Hand shards to one worker at a time, replacing a worker that breaks down.

        The thread that starts a worker stays until the worker has ended: the
        kernel's parent-death signal follows the thread, not the process.
        """
        worker: subprocess.Popen[str] | None = None
        while not self._should_stop():
            try:
                key = self._todo.get_nowait()
            except queue.Empty:
                break
            worker = worker or self._start_worker(model_dir)
            if self._should_stop():  # the signal may have come before there was a worker to end
                break
            error, alive = self._ask(worker, key)
            if not alive:
                self._end(worker)
                worker = None
            self._record(key, error)
        if worker:
            self._end(worker)

    def _start_worker(self, model_dir: Path) -> subprocess.Popen[str]:
        threads = str(self._runtime.threads)
        # Read by the arithmetic libraries when they are loaded, and only then.
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
        }
        with self._lock:
            worker = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "include.inference.embedded_worker",
                    str(self._folder.path),
                    str(model_dir),
                    str(os.getpid()),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            self._workers.add(worker)
        return worker

    def _ask(self, worker: subprocess.Popen[str], key: str) -> tuple[str | None, bool]:
        """Return what went wrong with a shard, if anything, and whether the worker can go on."""
        assert worker.stdin
        assert worker.stdout
        request = {"shard": key, "output": self._spec.output_key(basename(key))}
        try:
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return f"the worker ended with exit status {worker.wait()}, see the log", False
        return json.loads(line)["error"], True

    def _end(self, worker: subprocess.Popen[str]) -> None:
        assert worker.stdin
        assert worker.stdout
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.close()
        worker.wait()
        worker.stdout.close()
        with self._lock:
            self._workers.discard(worker)

    def _record(self, key: str, error: str | None) -> None:
        if self._should_stop():
            return
        with self._lock:
            if error is None:
                self._done += 1
            else:
                self._failures[basename(key)] = error
                log.warning("%s: %s", basename(key), error)
            self._report(JobStatus.IN_PROGRESS)

    def _report(self, status: JobStatus, reason: str | None = None) -> None:
        self._folder.write_standing(
            Progress(
                status=status,
                done=self._done,
                total=len(self._spec.shard_keys),
                failure_reason=reason,
            )
        )

    def _summary(self) -> str:
        shown = [f"{name}: {error}" for name, error in sorted(self._failures.items())]
        more = len(shown) - _REASONS_SHOWN
        return "; ".join(shown[:_REASONS_SHOWN] + ([f"and {more} more"] if more > 0 else []))

    def _should_stop(self) -> bool:
        return self._stopping or self._folder.stop_requested()

    def _on_terminate(self, _number: int, _frame: FrameType | None) -> None:
        # The workers are in this process group and got the signal as well; one that
        # ignores it must not write another answer.
        self._stopping = True
        for worker in list(self._workers):
            worker.kill()


def main(job_dir: str, lock_fd: str) -> int:
    """Run the job of a folder; the exit status is 0 when its status was recorded."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # Held until this process ends; workers must not keep it alive.
    os.set_inheritable(int(lock_fd), False)
    Runner(TransformFolder(Path(job_dir))).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
