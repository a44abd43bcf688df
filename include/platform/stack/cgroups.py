"""Limits of memory, processor and processes by control groups, of version 1 or 2.

What the machine does not let us write is not kept, and said so by `kept`.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from include.platform.stack.compose import Limits
from include.platform.stack.errors import StackError

MOUNT = Path("/sys/fs/cgroup")
_CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD_US = 100_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory of a service in bytes; None where nobody counts.

    Attributes:
        now_bytes: Now, with the files that the kernel keeps in memory for it.
        anonymous_bytes: Now, without those: what the processes themselves hold.
        most_bytes: At most until now.
    """

    now_bytes: int | None
    anonymous_bytes: int | None
    most_bytes: int | None
    processes: int


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """The groups of one stack, one for each service."""

    name: str
    mount: Path = MOUNT

    @property
    def _is_v2(self) -> bool:
        return (self.mount / "cgroup.controllers").exists()

    def _parents(self) -> dict[str, Path]:
        """Return the folder of the stack under each controller there is."""
        if self._is_v2:
            return {"": self.mount / self.name}
        found = {name: self.mount / name for name in _CONTROLLERS}
        return {name: path / self.name for name, path in found.items() if path.is_dir()}

    def create(self, service: str, limits: Limits) -> list[Path]:
        """Make a service's groups with its limits; return the files that a process joins by."""
        joined = []
        for parent in self._parents().values():
            group = parent / service
            try:
                group.mkdir(parents=True, exist_ok=True)
            except OSError:
                continue  # not ours to write: a rootless machine, or a read-only mount
            self._delegate(parent)
            self._weigh(parent)
            for name, value in _knobs(limits).items():
                with contextlib.suppress(OSError):
                    if (group / name).exists():
                        (group / name).write_text(value)
            joined.append(group / "cgroup.procs")
        return joined

    def join(self, service: str) -> list[Path]:
        """Return the files by which a process joins the groups of a service that runs."""
        groups = [parent / service for parent in self._parents().values()]
        return [group / "cgroup.procs" for group in groups if group.is_dir()]

    def hold(self, service: str, cpus: float) -> None:
        """Hold a service that runs to a share of the processors, until it starts again.

        Raises:
            StackError: Processors are not limited on this machine.
        """
        held = 0
        for parent in self._parents().values():
            for name, value in _processor_knobs(cpus).items():
                if (parent / service / name).exists():
                    (parent / service / name).write_text(value)
                    held += 1
        if not held:
            raise StackError(f"no control group limits the processors of {service} here")

    def kept(self) -> bool:
        """Tell whether memory is limited and counted here."""
        return any(
            (path.parent / name).exists()
            for path in self._parents().values()
            for name in ("memory.limit_in_bytes", "memory.use_hierarchy", "cgroup.subtree_control")
        )

    def usage(self, service: str) -> Usage:
        """Return what a service uses."""
        now = self._number(service, "memory.usage_in_bytes", "memory.current")
        most = self._number(service, "memory.max_usage_in_bytes", "memory.peak")
        return Usage(now, self._anonymous(service), most, len(self.members(service)))

    def members(self, service: str) -> list[int]:
        """Return the processes of a service, by the ids this machine knows them by."""
        for parent in self._parents().values():
            with contextlib.suppress(OSError):
                return [int(pid) for pid in (parent / service / "cgroup.procs").read_text().split()]
        return []

    def remove(self) -> list[Path]:
        """Remove every group of the stack; return those that somebody still is in."""
        left = []
        for parent in self._parents().values():
            if not parent.is_dir():
                continue
            for group in (*(path for path in parent.iterdir() if path.is_dir()), parent):
                try:
                    group.rmdir()
                except OSError:
                    left.append(group)
        return left

    def _delegate(self, parent: Path) -> None:
        """Let the children of a version 2 group have limits of their own."""
        if not self._is_v2:
            return
        for folder in (self.mount, parent):
            for controller in _CONTROLLERS:
                with contextlib.suppress(OSError):
                    (folder / "cgroup.subtree_control").write_text(f"+{controller}")

    def _weigh(self, parent: Path) -> None:
        """Let each service count as much as a process of the machine, not all of them as one."""
        services = sum(path.is_dir() for path in parent.iterdir())
        weights = {"cpu.shares": 1024 * services, "cpu.weight": min(100 * services, 10_000)}
        for name, value in weights.items():
            with contextlib.suppress(OSError):
                if (parent / name).exists():
                    (parent / name).write_text(str(value))

    def _anonymous(self, service: str) -> int | None:
        for parent in self._parents().values():
            with contextlib.suppress(OSError):
                lines = (parent / service / "memory.stat").read_text().splitlines()
                found = dict(line.split() for line in lines)
                return int(found.get("anon") or found["total_rss"])
        return None

    def _number(self, service: str, *names: str) -> int | None:
        for parent in self._parents().values():
            for name in names:
                with contextlib.suppress(OSError, ValueError):
                    return int((parent / service / name).read_text())
        return None


def _knobs(limits: Limits) -> dict[str, str]:
    """Return file names of both versions and what to write into those that exist."""
    knobs: dict[str, str] = {}
    if limits.memory_bytes:
        knobs |= dict.fromkeys(("memory.limit_in_bytes", "memory.max"), str(limits.memory_bytes))
    if limits.cpus:
        knobs |= _processor_knobs(limits.cpus)
    if limits.pids:
        knobs["pids.max"] = str(limits.pids)
    return knobs


def _processor_knobs(cpus: float) -> dict[str, str]:
    quota = round(cpus * _PERIOD_US)
    return {
        "cpu.cfs_period_us": str(_PERIOD_US),
        "cpu.cfs_quota_us": str(quota),
        "cpu.max": f"{quota} {_PERIOD_US}",
    }
