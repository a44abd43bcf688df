"""Up, down, and what may be done to a running stack from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from include.platform.layout import PROJECT_ROOT
from include.platform.ports import PortTakenError
from include.platform.stack import machine
from include.platform.stack.cgroups import ControlGroups, Usage
from include.platform.stack.compose import Compose, read_compose
from include.platform.stack.errors import StackError
from include.platform.stack.home import StackHome
from include.platform.stack.images import lay_out
from include.platform.stack.instances import SCALED, Instance, instances, visitor
from include.platform.stack.network import Place, Plan, plug_in, unplug
from include.platform.stack.sandbox import Sandbox
from include.platform.stack.state import (
    StackState,
    Status,
    is_supervised,
    read_state,
)

COMPOSE_FILE = PROJECT_ROOT / "docker-compose.yaml"
PORT_VARIABLE = "FEX_API_PORT"
_POLL_S = 0.2
_LOG_LINES = 20
_STARTS_ALLOWED = 4
"""A service that ends this often before the stack is up will not come up."""
_DOWN_S = 150.0
_GONE_S = 5.0

Progress = Callable[[StackState], None]


@dataclass(frozen=True)
class Stack:
    """One stack of one home.

    Attributes:
        variables: What the compose file's own variables stand for.
        file: The compose file.
    """

    home: StackHome
    workers: int
    variables: Mapping[str, str]
    file: Path = COMPOSE_FILE

    @cached_property
    def compose(self) -> Compose:
        """The file, read once."""
        return read_compose(self.file, self.variables)

    @cached_property
    def instances(self) -> dict[str, Instance]:
        """Everything that runs."""
        return instances(self.compose, self.workers)

    @cached_property
    def network(self) -> Plan:
        """Who is where: workers have networks of their own, so that one of them can hang."""
        apart = [name for name, item in self.instances.items() if item.service.name == SCALED]
        return Plan((*self.compose.services, *self.instances), tuple(apart))

    @cached_property
    def groups(self) -> ControlGroups:
        """The control groups of the stack."""
        return ControlGroups(self.home.group)

    @cached_property
    def sandbox(self) -> Sandbox:
        """What starts and enters instances."""
        return Sandbox(self.home, self.compose.folder, self.groups)

    # -- up and down

    def up(self, progress: Progress, *, timeout_s: float) -> StackState:
        """Start everything and wait until all is as it should be.

        Raises:
            MachineError: Something is missing on this machine; nothing was started.
            PortTakenError: A published port is somebody else's.
            StackError: It runs already, a service cannot start, or the time is over.
        """
        machine.require()
        if is_supervised(self.home):
            raise StackError(f"A stack runs in {self.home.folder} already: make production down")
        self._prepare()
        command = [sys.executable, "-m", "include.platform.stack"]
        command += ["--home", str(self.home.folder), "--workers", str(self.workers)]
        command += ["--file", str(self.file), "supervise"]
        with self.home.log("supervisor").open("wb") as log:
            started = subprocess.Popen(
                command,
                cwd=PROJECT_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self.variables, "PYTHONPATH": str(PROJECT_ROOT)},
            )
        return self._wait_up(started, progress, time.monotonic() + timeout_s)

    def down(self) -> list[str]:
        """Stop everything in order; volumes and logs stay.

        Returns:
            What is left although nothing should be: groups, mounts, processes.

        Raises:
            StackError: The supervisor does not end.
        """
        state = read_state(self.home)
        if state is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.pid, signal.SIGTERM)
            deadline = time.monotonic() + _DOWN_S
            while is_supervised(self.home):
                if time.monotonic() > deadline:
                    raise StackError(
                        f"The supervisor {state.pid} does not end; its log: "
                        f"{self.home.log('supervisor')}"
                    )
                time.sleep(_POLL_S)
        self.home.state.unlink(missing_ok=True)
        return self.left_behind(state.networks if state else ())

    def left_behind(self, networks: Sequence[int]) -> list[str]:
        """Return the groups, mounts and processes of a stack that has ended; empty is right."""
        # A process that has just ended is taken out of its group a moment later.
        deadline = time.monotonic() + _GONE_S
        while (found := self._left(networks)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return found

    def _left(self, networks: Sequence[int]) -> list[str]:
        found = [f"control group {path}" for path in self.groups.remove()]
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        found += [f"mount {line}" for line in mounts if str(self.home.folder) in line]
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (folder / "ns/net").stat().st_ino in networks:
                    found.append(f"process {folder.name} in the stack's network")
        return found

    def erase(self) -> None:
        """Remove data, logs and secrets of a stack that does not run.

        Raises:
            StackError: It runs.
        """
        import shutil

        if is_supervised(self.home):
            raise StackError("A stack that runs is not erased: stop it first")
        shutil.rmtree(self.home.folder, ignore_errors=True)

    def state(self) -> StackState:
        """Return what the supervisor knows.

        Raises:
            StackError: None runs.
        """
        state = read_state(self.home)
        if state is None:
            raise StackError(f"No stack runs in {self.home.folder}.")
        return state

    # -- one instance

    def usage(self, name: str) -> Usage:
        """Return what an instance uses."""
        return self.groups.usage(name)

    def kill(self, name: str) -> None:
        """SIGKILL every process of an instance at once: a crash; its restart policy applies."""
        os.kill(self._pid(name), signal.SIGKILL)

    def stop(self, name: str) -> None:
        """Stop an instance and leave it stopped."""
        self._pid(name)
        (self.home.stopped / name).touch()

    def start(self, name: str) -> None:
        """Start an instance that was stopped."""
        (self.home.stopped / name).unlink(missing_ok=True)

    def unplug(self, name: str) -> None:
        """Let the network of a worker hang: packets are lost, and nobody is told.

        Raises:
            StackError: It shares the network of the others.
        """
        unplug(self._place(name), self.state().pid)

    def plug_in(self, name: str) -> None:
        """Undo `unplug`.

        Raises:
            StackError: It shares the network of the others.
        """
        plug_in(self._place(name), self.state().pid)

    def execute(self, name: str, command: Sequence[str]) -> list[str]:
        """Return the command that runs another one inside an instance."""
        return self.sandbox.inside(self.instances[name], self._pid(name), command)

    def visit(
        self, name: str, command: Sequence[str], *, shared: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command in an instance of its own that sees what a worker sees.

        Args:
            name: Of the instance, unlike any other.
            command: What runs; its input and output are pipes, its errors go to its log.
            shared: A folder of this machine that it sees as `/shared`.
        """
        state = self.state()
        with self.home.log(name).open("ab") as log:
            return self.sandbox.start(
                visitor(self.instances, name),
                command=command,
                network=f"/proc/{state.pid}/ns/net",
                shared=shared,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    # -- inside

    def _prepare(self) -> None:
        self.home.create()
        for marker in self.home.stopped.iterdir():
            marker.unlink()
        self.home.events.unlink(missing_ok=True)
        for log in self.home.logs.iterdir():
            log.unlink()
        self.left_behind(())  # of a supervisor that was killed
        make = PROJECT_ROOT / "scripts" / "make_secrets.py"
        subprocess.run(
            [sys.executable, make, self.home.secrets], check=True, stdout=subprocess.DEVNULL
        )
        lay_out(self.compose, self.home)
        self.sandbox.prepare(self.network.hosts())
        for item in self.instances.values():
            for port in item.service.ports:
                self._require_free(port.host, port.host_port)

    def _require_free(self, host: str, port: int) -> None:
        import socket

        try:
            socket.create_server((host, port)).close()
        except OSError as error:
            raise PortTakenError(
                f"Port {port} on {host} cannot be used ({error.strerror}). "
                f"Choose another: {PORT_VARIABLE}={port + 1} make production"
            ) from error

    def _wait_up(
        self, started: subprocess.Popen[bytes], progress: Progress, deadline_s: float
    ) -> StackState:
        while True:
            state = read_state(self.home)
            if started.poll() is not None:
                raise StackError(self._failure("supervisor", f"ended with {started.returncode}"))
            if state is not None and state.pid == started.pid:
                progress(state)
                if state.is_up:
                    return state
                self._require_hope(state)
            if time.monotonic() > deadline_s:
                late = [
                    item.name for item in (state.instances if state else ()) if not item.is_good
                ]
                raise StackError(self._failure(late[0] if late else "supervisor", "is late"))
            time.sleep(_POLL_S)

    def _require_hope(self, state: StackState) -> None:
        for item in state.instances:
            if item.status is Status.FAILED or item.starts >= _STARTS_ALLOWED:
                raise StackError(self._failure(item.name, f"ended with {item.last_exit}"))

    def _failure(self, name: str, problem: str) -> str:
        log = self.home.log(name)
        with contextlib.suppress(OSError):
            tail = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            return "\n  ".join([f"{name} {problem}. The end of {log}:", *tail])
        return f"{name} {problem}; it wrote no log"

    def _place(self, name: str) -> Place:
        place = self.network.place(name)
        if place is None:
            raise StackError(f"{name} has no network of its own, as {SCALED}s have.")
        return place

    def _pid(self, name: str) -> int:
        found = self.state().find(name)
        if found is None:
            known = ", ".join(item.name for item in self.state().instances)
            raise StackError(f"There is no {name}; there are {known}.")
        if found.pid is None:
            raise StackError(f"{name} does not run.")
        return found.pid
