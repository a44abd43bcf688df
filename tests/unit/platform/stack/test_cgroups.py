"""Limits of services, as a folder of version 1 has them."""

from __future__ import annotations

from pathlib import Path

from include.platform.stack.cgroups import ControlGroups
from include.platform.stack.compose import Limits

LIMITS = Limits(cpus=4.0, memory_bytes=2**30, pids=100)


def test_who_joins_a_service_leaves_it_held(tmp_path: Path) -> None:
    """A health check runs inside every half minute."""
    groups = ControlGroups("stack", tmp_path)
    group = tmp_path / "cpu" / "stack" / "worker-1"
    group.mkdir(parents=True)
    (tmp_path / "memory" / "stack").mkdir(parents=True)  # not made for this service
    quota = group / "cpu.cfs_quota_us"
    quota.touch()
    groups.create("worker-1", LIMITS)
    assert quota.read_text() == "400000"
    groups.hold("worker-1", 0.4)
    assert group / "cgroup.procs" in groups.join("worker-1")
    assert quota.read_text() == "40000"
    groups.create("worker-1", LIMITS)
    assert quota.read_text() == "400000"
