"""Starts what may start, watches it, starts it again, and ends it in order.

Runs as a process of its own, in a network of its own that leads nowhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from include.platform.stack.compose import Compose, Condition, Restart
from include.platform.stack.health import Health, Prober
from include.platform.stack.home import StackHome
from include.platform.stack.instances import Instance, service_instances
from include.platform.stack.network import Network, Plan
from include.platform.stack.sandbox import WITH_PARENT, Sandbox
from include.platform.stack.state import (
    InstanceState,
    StackState,
    Status,
    first_inside,
    write_state,
)

_POLL_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LIVED_S = 0.1, 60.0, 10.0
"""Docker's restart policy: the pause doubles, and starts again after ten seconds of life."""


@dataclass
class _Running:
    """What changes about one instance while the stack runs."""

    instance: Instance
    status: Status = Status.WAITING
    process: subprocess.Popen[bytes] | None = None
    prober: Prober | None = None
    began_s: float = 0.0
    took_s: float | None = None
    starts: int = 0
    last_exit: int | None = None
    pause_s: float = _FIRST_PAUSE_S
    again_at_s: float = 0.0
    kill_at_s: float | None = None
    told: Health = field(default=Health.NONE)

    @property
    def first(self) -> int | None:
        """Its number 1, as this machine knows it."""
        return first_inside(self.process.pid) if self.process else None

    @property
    def health(self) -> Health:
        return self.prober.health if self.prober and self.process else Health.NONE

    def state(self) -> InstanceState:
        return InstanceState(
            self.instance.name,
            self.instance.service.is_one_shot,
            self.status,
            self.health,
            self.first,
            self.took_s,
            self.starts,
            self.last_exit,
        )


class Supervisor:
    """Runs one stack until it is told to end.

    Args:
        home: Where the stack keeps things.
        compose: What it is.
        found: Its instances.
        sandbox: What starts them.
        plan: Who is where in the network.
    """

    def __init__(
        self,
        home: StackHome,
        compose: Compose,
        found: Mapping[str, Instance],
        sandbox: Sandbox,
        plan: Plan,
    ) -> None:
        self._home = home
        self._compose = compose
        self._sandbox = sandbox
        self._network = Network(plan)
        self._found = found
        self._all = {name: _Running(instance) for name, instance in found.items()}
        self._written: StackState | None = None
        self._gates: list[subprocess.Popen[bytes]] = []
        self._ports: dict[str, str] = {}
        self._ending = False

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; everything has ended when this returns."""
        with self._home.lock.open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            signal.signal(signal.SIGTERM, self._end)
            signal.signal(signal.SIGINT, self._end)
            listening = self._listen()
            self._network.enter()
            try:
                self._open_gates(listening)
                self._loop()
            finally:
                for item in self._all.values():
                    self._kill(item)
                for gate in self._gates:
                    gate.kill()
                    gate.wait()
                self._event("the stack is down")

    def _end(self, _number: int, _frame: object) -> None:
        self._ending = True

    def _loop(self) -> None:
        while True:
            now_s = time.monotonic()
            for item in self._all.values():
                self._step(item, now_s)
            self._write()
            if self._ending and not any(item.process for item in self._all.values()):
                return
            time.sleep(_POLL_S)

    # -- one instance

    def _step(self, item: _Running, now_s: float) -> None:
        if item.process is not None and item.process.poll() is not None:
            self._ended(item, item.process.returncode, now_s)
        stop = self._is_to_stop(item)
        if item.process is None:
            if stop or self._ending:
                if item.status in (Status.WAITING, Status.RESTARTING, Status.STOPPING):
                    item.status = Status.STOPPED
            elif self._may_start(item, now_s):
                self._start(item, now_s)
            return
        if stop and item.kill_at_s is None:
            self._ask_to_end(item, now_s)
        elif item.kill_at_s is not None and now_s > item.kill_at_s:
            self._event(f"{item.instance.name}: grace is over, SIGKILL")
            self._kill(item)
        elif item.prober is not None and item.status is Status.RUNNING:
            self._ask(item, now_s)

    def _may_start(self, item: _Running, now_s: float) -> bool:
        if item.status is Status.STOPPED:
            return True  # somebody starts again what was stopped by hand
        if item.status is Status.RESTARTING:
            return now_s >= item.again_at_s
        needs = self._compose.services[item.instance.service.name].depends_on
        return item.status is Status.WAITING and all(
            self._is_met(self._all[name], condition)
            for other, condition in needs.items()
            for name in service_instances(self._found, other)
        )

    def _is_met(self, other: _Running, condition: Condition) -> bool:
        match condition:
            case Condition.COMPLETED:
                return other.status is Status.DONE
            case Condition.HEALTHY:
                return other.health is Health.HEALTHY
            case Condition.STARTED:
                return other.process is not None

    def _start(self, item: _Running, now_s: float) -> None:
        instance = item.instance
        with self._home.log(instance.name).open("ab") as log:
            network = self._network.of(instance.name)
            item.process = self._sandbox.start(instance, network=network, stdout=log)
        item.began_s, item.took_s, item.kill_at_s = now_s, None, None
        item.status = Status.RUNNING
        item.starts += 1
        check, test = instance.service.health, instance.health_test
        item.prober = None
        if check is not None and test is not None:
            item.prober = Prober(check, lambda: self._question(item, test))
        elif not instance.service.is_one_shot:
            item.took_s = 0.0
        self._event(f"{instance.name}: started" + (" again" if item.starts > 1 else ""))

    def _question(self, item: _Running, test: tuple[str, ...]) -> list[str] | None:
        pid = item.first
        return self._sandbox.inside(item.instance, pid, test) if pid else None

    def _ask(self, item: _Running, now_s: float) -> None:
        assert item.prober is not None
        item.prober.step()
        if item.health is Health.HEALTHY and item.took_s is None:
            item.took_s = now_s - item.began_s
        if item.health is not item.told:
            item.told = item.health
            self._event(f"{item.instance.name}: {item.health}")

    def _ended(self, item: _Running, exit_status: int, now_s: float) -> None:
        instance, lived_s = item.instance, now_s - item.began_s
        if item.prober:
            item.prober.stop()
        item.process, item.kill_at_s, item.told = None, None, Health.NONE
        item.last_exit = exit_status
        self._event(f"{instance.name}: ended with {exit_status} after {lived_s:.0f} s")
        if self._is_to_stop(item):
            item.status = Status.STOPPED
        elif instance.service.restart is Restart.NEVER:
            item.status = Status.DONE if exit_status == 0 else Status.FAILED
            item.took_s = lived_s
        else:
            item.pause_s = (
                _FIRST_PAUSE_S if lived_s > _LIVED_S else min(_LONGEST_PAUSE_S, item.pause_s * 2)
            )
            item.status, item.again_at_s = Status.RESTARTING, now_s + item.pause_s

    # -- ending

    def _is_to_stop(self, item: _Running) -> bool:
        """Tell whether it should not run: stopped by hand, or the end and nobody needs it."""
        if (self._home.stopped / item.instance.name).exists():
            return True
        return self._ending and not any(
            other.process is not None
            for other in self._all.values()
            if item.instance.service.name in other.instance.service.depends_on
        )

    def _ask_to_end(self, item: _Running, now_s: float) -> None:
        item.status = Status.STOPPING
        item.kill_at_s = now_s + item.instance.service.stop_grace_s
        number = item.instance.image.stop_signal
        self._event(f"{item.instance.name}: {number.name}")
        if pid := item.first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        else:
            self._kill(item)

    def _kill(self, item: _Running) -> None:
        """End number 1: the kernel ends all others of its namespace with it."""
        if item.prober:
            item.prober.stop()
        if item.process is None:
            return
        if pid := item.first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        else:
            item.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            item.process.wait(timeout=5)

    # -- the network

    def _listen(self) -> list[tuple[socket.socket, int]]:
        """Open the published ports while this process is still in the machine's network."""
        opened = []
        for name, item in self._all.items():
            for port in item.instance.service.ports:
                listening = socket.create_server((port.host, port.host_port), backlog=64)
                listening.set_inheritable(True)
                opened.append((listening, port.service_port))
                self._ports[name] = f"{port.host}:{port.host_port}"
        return opened

    def _open_gates(self, listening: list[tuple[socket.socket, int]]) -> None:
        for opened, port in listening:
            with self._home.log("gate").open("ab") as log:
                gate = subprocess.Popen(
                    [
                        *(*WITH_PARENT, sys.executable, "-m"),
                        *("include.platform.stack.gate", str(opened.fileno())),
                        *("127.0.0.1", str(port)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(opened.fileno(),),
                    start_new_session=True,
                )
            opened.close()
            self._gates.append(gate)

    # -- telling

    def _event(self, text: str) -> None:
        with self._home.events.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}\n")

    def _write(self) -> None:
        state = StackState(
            os.getpid(),
            tuple(self._network.inodes()),
            self._ports,
            tuple(item.state() for item in self._all.values()),
        )
        if state != self._written:
            write_state(self._home, state)
            self._written = state
