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
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

from include.contracts.documents import Form
from include.jobs.backend import JobSpec
from include.jobs.state import JobExistsError, JobNotFoundError, JobStatus
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStanding:
    """How a job stands: `status.json`; each kind adds what its runner has to say."""

    status: JobStatus
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunnerProcess:
    """What tells a process from all others that have its number: `process.json`.

    Attributes:
        pid: The number.
        boot: The machine's start.
        namespace: In which the number counts, as this process sees it.
        started: When it was started: clock ticks since the machine's start (`proc(5)`, field 22
            of `stat`).
    """

    pid: int
    boot: str = ""
    namespace: str = ""
    started: str = ""

    @classmethod
    def of(cls, pid: int) -> RunnerProcess:
        """Return what is seen of a process; the number alone when there is none."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            return cls(
                pid,
                boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
                namespace=str(Path("/proc/self/ns/pid").readlink()),
                # Fields are counted after the command in parentheses, which may hold anything.
                started=stat[stat.rindex(")") + 2 :].split()[19],
            )
        except OSError:
            return cls(pid)


RUNNER_PROCESS = Form(RunnerProcess)

_Spec = TypeVar("_Spec", bound=JobSpec)
_Runtime = TypeVar("_Runtime", bound=JobRuntime)
_Standing = TypeVar("_Standing", bound=JobStanding)


class JobFolder(Generic[_Spec, _Runtime, _Standing]):
    """Reads and writes one job's folder; each kind says what its own files hold."""

    spec_form: Form[_Spec]
    runtime_form: Form[_Runtime]
    standing_form: Form[_Standing]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @classmethod
    def make(cls, jobs_dir: Path, spec: _Spec, runtime: _Runtime) -> tuple[Self, int]:
        """Make a job's folder; return it with the descriptor that holds its lock.

        Raises:
            JobExistsError: The name was used before.
        """
        jobs_dir.mkdir(parents=True, exist_ok=True)
        target = jobs_dir / spec.name
        folder = cls(target)
        if target.exists():
            raise JobExistsError(spec.name)
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=jobs_dir))
        lock_fd = os.open(aside / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            _replace(aside / _SPEC, folder.spec_form.write(spec))
            _replace(aside / _RUNTIME, folder.runtime_form.write(runtime))
            # A rename onto a folder that is not empty fails: two creators cannot both win.
            aside.rename(target)
        except BaseException as error:
            os.close(lock_fd)
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, OSError) and target.exists():
                raise JobExistsError(spec.name) from error
            raise
        return folder, lock_fd

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
        _replace(self.path / _PROCESS, RUNNER_PROCESS.write(RunnerProcess.of(os.getpid())))

    def process_id(self) -> int | None:
        """Process id of the runner where this process can signal it; else None.

        None while the runner has written none; when it lives in another container or on
        another machine, where the number is somebody else's; and when it has ended and the
        number was given away.
        """
        written = _find(RUNNER_PROCESS, self.path / _PROCESS)
        if written is None or not written.started or written != RunnerProcess.of(written.pid):
            return None
        return written.pid

    def request_stop(self) -> None:
        """Leave the mark that makes an ended job a stopped one."""
        (self.path / "stop").touch()

    def stop_requested(self) -> bool:
        """Whether somebody asked the job to stop."""
        return (self.path / "stop").exists()

    def spec(self) -> _Spec:
        """The specification, as the creator wrote it.

        Raises:
            DocumentError: The file is none; names the field.
        """
        path = self.path / _SPEC
        return self.spec_form.read(path.read_bytes(), str(path))

    def runtime(self) -> _Runtime:
        """How the runner works.

        Raises:
            DocumentError: The file is none; names the field.
        """
        path = self.path / _RUNTIME
        return self.runtime_form.read(path.read_bytes(), str(path))

    def write_standing(self, standing: _Standing) -> None:
        """Replace how the job stands."""
        _replace(self.path / _STATUS, self.standing_form.write(standing))

    def standing(self) -> _Standing | None:
        """How the job stands, as the runner last wrote it; None before it did.

        Raises:
            DocumentError: The file is none; names the field.
        """
        return _find(self.standing_form, self.path / _STATUS)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader sees the old content or the new."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(content)
    aside.replace(path)


_Document = TypeVar("_Document")


def _find(form: Form[_Document], path: Path) -> _Document | None:
    """Return a file's document, None where there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return form.read(content, str(path))
