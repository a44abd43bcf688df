"""The folder of an embedded job: what is written there, by whom, and what it means.

```
{jobs_dir}/{name}/
    spec.json      the specification                                  creator
    runtime.json   storage and how the job works (no credentials)     creator
    lock           held by the runner for as long as it lives         creator, then runner
    process.json   process id of the runner, leader of its session,   runner
                   and where that id means it
    status.json    how the job stands or ended, replaced atomically   runner
    stop           present: somebody asked the job to stop            anyone
    log.txt        output of the runner and what it starts
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
from typing import Any, Self

from include.jobs.backend import JobSpec
from include.jobs.state import JobExistsError, JobNotFoundError
from include.settings import StorageSettings

_SPEC, _RUNTIME, _STATUS, _PROCESS = "spec.json", "runtime.json", "status.json", "process.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRuntime:
    """How a runner reaches the lake; each kind adds how it works. Credentials: the environment."""

    lake_url: str
    s3_endpoint_url: str | None
    s3_region: str

    def storage(self) -> StorageSettings:
        """Settings that open the lake; the ledger is none of a job's business."""
        return StorageSettings(
            lake_url=self.lake_url,
            s3_endpoint_url=self.s3_endpoint_url,
            s3_region=self.s3_region,
        )


class JobFolder:
    """Reads and writes one job's folder; each kind adds what its own files mean."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @classmethod
    def make(cls, jobs_dir: Path, spec: JobSpec, runtime: JobRuntime) -> tuple[Self, int]:
        """Make a job's folder; return it with the descriptor that holds its lock.

        Raises:
            JobExistsError: The name was used before.
        """
        jobs_dir.mkdir(parents=True, exist_ok=True)
        target = jobs_dir / spec.name
        if target.exists():
            raise JobExistsError(spec.name)
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=jobs_dir))
        lock_fd = os.open(aside / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            _write_json(aside / _SPEC, spec.to_json())
            _write_json(aside / _RUNTIME, asdict(runtime))
            # A rename onto a folder that is not empty fails: two creators cannot both win.
            aside.rename(target)
        except BaseException as error:
            os.close(lock_fd)
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, OSError) and target.exists():
                raise JobExistsError(spec.name) from error
            raise
        return cls(target), lock_fd

    @classmethod
    def open(cls, jobs_dir: Path, name: str) -> Self:
        """Return the folder of an existing job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        folder = cls(jobs_dir / name)
        if not (folder.path / _SPEC).is_file():
            raise JobNotFoundError(name)
        return folder

    @classmethod
    def all(cls, jobs_dir: Path) -> list[Self]:
        """Return the folders under `jobs_dir`, by name."""
        return [cls(path.parent) for path in sorted(jobs_dir.glob(f"[!.]*/{_SPEC}"))]

    @property
    def log(self) -> Path:
        """Output of the runner and what it starts."""
        return self.path / "log.txt"

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
        _write_json(self.path / _PROCESS, {"pid": os.getpid(), **_identity(os.getpid())})

    def process_id(self) -> int | None:
        """Process id of the runner where this process can signal it; else None.

        None while the runner has written none; when it lives in another container or on
        another machine, where the number is somebody else's; and when it has ended and the
        number was given away.
        """
        data = _read_json(self.path / _PROCESS)
        if data is None:
            return None
        pid = int(data.pop("pid"))
        return pid if data and data == _identity(pid) else None

    def request_stop(self) -> None:
        """Leave the mark that makes an ended job a stopped one."""
        (self.path / "stop").touch()

    def stop_requested(self) -> bool:
        """Whether somebody asked the job to stop."""
        return (self.path / "stop").exists()

    def read_spec(self) -> dict[str, Any]:
        """The specification, as the creator wrote it."""
        content: dict[str, Any] = json.loads((self.path / _SPEC).read_bytes())
        return content

    def read_runtime(self) -> dict[str, Any]:
        """The fields of the kind's `JobRuntime`."""
        content: dict[str, Any] = json.loads((self.path / _RUNTIME).read_bytes())
        return content

    def write_status(self, status: Mapping[str, Any]) -> None:
        """Replace how the job stands."""
        _write_json(self.path / _STATUS, status)

    def read_status(self) -> dict[str, Any] | None:
        """How the job stands, as the runner last wrote it; None before it did."""
        return _read_json(self.path / _STATUS)


def _identity(pid: int) -> dict[str, str]:
    """What tells a process from all others that have its number; empty when there is none.

    The machine's start, the namespace in which the number counts, as this process sees it, and
    when the process was started (`proc(5)`: field 22 of `stat`, clock ticks since that start).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return {
            "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "namespace": str(Path("/proc/self/ns/pid").readlink()),
            # Fields are counted after the command in parentheses, which may hold anything.
            "started": stat[stat.rindex(")") + 2 :].split()[19],
        }
    except OSError:
        return {}


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a file in one step: a reader sees the old content or the new."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(data, indent=1, sort_keys=True))
    aside.replace(path)


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's content, None where there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return content
