"""The folder of an embedded job: what is written there, by whom, and what it means.

```
{jobs_dir}/{name}/
    spec.json      the specification                                  creator
    runtime.json   storage, workers, threads (no credentials)         creator
    lock           held by the runner for as long as it lives         creator, then runner
    process.json   process id of the runner, leader of its session    runner
    status.json    progress and terminal status, replaced atomically  runner
    stop           present: somebody asked the job to stop            anyone
    log.txt        output of the runner and its workers
```

The folder appears by one rename with `lock` already held, and the runner
inherits the lock: at no instant can a job be seen that nobody answers for. The
kernel releases the lock when the runner ends, however it ends, which a process
id alone cannot tell after it was given to another process.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from include.inference.backend import JobExistsError, JobNotFoundError, JobStatus
from include.inference.spec import TransformSpec
from include.settings import StorageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How the runner works. Credentials stay in the environment."""

    lake_url: str
    s3_endpoint_url: str | None
    s3_region: str
    models_dir: str
    """Cache of unpacked model packages."""
    workers: int
    threads: int
    """Of each worker, for the model's arithmetic."""

    def storage(self) -> StorageSettings:
        """Settings that open the lake; the ledger is none of a job's business."""
        return StorageSettings(
            lake_url=self.lake_url,
            s3_endpoint_url=self.s3_endpoint_url,
            s3_region=self.s3_region,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Content of `status.json`."""

    status: JobStatus
    done: int
    total: int
    failure_reason: str | None = None


class JobFolder:
    """Reads and writes one job's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @classmethod
    def create(cls, jobs_dir: Path, spec: TransformSpec, runtime: Runtime) -> tuple[JobFolder, int]:
        """Make a job's folder; return it with the descriptor that holds its lock.

        Raises:
            JobExistsError: The name was used before.
        """
        lock_fd = cls.make(jobs_dir, spec.name, spec.to_json(), asdict(runtime))
        return cls(jobs_dir / spec.name), lock_fd

    @staticmethod
    def make(jobs_dir: Path, name: str, spec: Mapping[str, Any], runtime: Mapping[str, Any]) -> int:
        """Make the folder of any kind of job; return the descriptor that holds its lock.

        Raises:
            JobExistsError: The name was used before.
        """
        jobs_dir.mkdir(parents=True, exist_ok=True)
        target = jobs_dir / name
        if target.exists():
            raise JobExistsError(name)
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=jobs_dir))
        lock_fd = os.open(aside / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            write_json(aside / "spec.json", spec)
            write_json(aside / "runtime.json", runtime)
            # A rename onto a folder that is not empty fails: two creators cannot both win.
            aside.rename(target)
        except BaseException as error:
            os.close(lock_fd)
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, OSError) and target.exists():
                raise JobExistsError(name) from error
            raise
        return lock_fd

    @classmethod
    def open(cls, jobs_dir: Path, name: str) -> JobFolder:
        """Return the folder of an existing job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder = cls(jobs_dir / name)
        if not (folder.path / "spec.json").is_file():
            raise JobNotFoundError(name)
        return folder

    @property
    def log(self) -> Path:
        """Output of the runner and its workers."""
        return self.path / "log.txt"

    def spec(self) -> TransformSpec:
        """The job's specification."""
        return TransformSpec.from_json(json.loads((self.path / "spec.json").read_bytes()))

    def runtime(self) -> Runtime:
        """How the runner works."""
        return Runtime(**json.loads((self.path / "runtime.json").read_bytes()))

    def is_running(self) -> bool:
        """Whether the runner, or a creator about to start it, is alive."""
        with (self.path / "lock").open("rb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def write_process_id(self) -> None:
        """Called by the runner for itself."""
        write_json(self.path / "process.json", {"pid": os.getpid()})

    def process_id(self) -> int | None:
        """Process id of the runner; to be trusted only while `is_running`."""
        data = read_json(self.path / "process.json")
        return None if data is None else int(data["pid"])

    def write_progress(self, progress: Progress) -> None:
        """Replace the status."""
        write_json(
            self.path / "status.json",
            {
                "status": str(progress.status),
                "done": progress.done,
                "total": progress.total,
                "failure_reason": progress.failure_reason,
            },
        )

    def progress(self) -> Progress | None:
        """The status as the runner last wrote it."""
        data = read_json(self.path / "status.json")
        if data is None:
            return None
        return Progress(**{**data, "status": JobStatus(data["status"])})

    def request_stop(self) -> None:
        """Leave the mark that makes an ended job a stopped one."""
        (self.path / "stop").touch()

    def stop_requested(self) -> bool:
        """Whether somebody asked the job to stop."""
        return (self.path / "stop").exists()


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a file in one step: a reader sees the old content or the new."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(data, indent=1, sort_keys=True))
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's content, None where there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return content
