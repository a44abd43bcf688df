"""What the supervisor knows, as a file that every command reads."""

from __future__ import annotations

import contextlib
import fcntl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from include.contracts.documents import DocumentError, Form
from include.platform.stack.health import Health
from include.platform.stack.home import StackHome


class Status(StrEnum):
    """Where an instance stands."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    RESTARTING = "restarting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One instance.

    Attributes:
        pid: Its number 1, as this machine knows it; None while it does not run.
        took_s: From its start until it was healthy, or done; None before.
        starts: How often it was started.
        last_exit: Exit status of the last process that ended; negative: the signal.
    """

    name: str
    one_shot: bool
    status: Status
    health: Health
    pid: int | None = None
    took_s: float | None = None
    starts: int = 0
    last_exit: int | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is where it should be once the stack is up."""
        if self.one_shot:
            return self.status is Status.DONE
        return self.status is Status.RUNNING and self.health in (Health.HEALTHY, Health.NONE)


@dataclass(frozen=True, slots=True)
class StackState:
    """The whole stack.

    Attributes:
        pid: The supervisor.
        networks: Inodes of the network namespaces: the shared one, then those of workers.
        ports: What is reachable from this machine, address:port by instance.
    """

    pid: int
    networks: tuple[int, ...]
    ports: dict[str, str]
    instances: tuple[InstanceState, ...]

    @property
    def is_up(self) -> bool:
        """Whether every instance is where it should be."""
        return all(instance.is_good for instance in self.instances)

    def find(self, name: str) -> InstanceState | None:
        """Return an instance by name."""
        return next((item for item in self.instances if item.name == name), None)


STATE = Form(StackState)


def write_state(home: StackHome, state: StackState) -> None:
    """Replace the file in one step: no reader sees half of it."""
    draft = home.state.with_suffix(".new")
    draft.write_bytes(STATE.write(state))
    draft.replace(home.state)


def read_state(home: StackHome) -> StackState | None:
    """Return what the running supervisor knows; None where none runs."""
    if not is_supervised(home):
        return None
    try:
        return STATE.read(home.state.read_bytes(), home.state.name)
    except (FileNotFoundError, DocumentError):
        return None


def is_supervised(home: StackHome) -> bool:
    """Tell whether a supervisor lives: it holds the lock as long as it does."""
    if not home.lock.exists():
        return False
    with home.lock.open("r") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def first_inside(pid: int) -> int | None:
    """Return the instance's number 1: the only child of the process that made its namespaces."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return None
