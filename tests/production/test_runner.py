"""The runner on three services of the compose file: what it keeps of what the file says."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from include.platform.layout import PROJECT_ROOT
from include.platform.stack.control import Stack
from include.platform.stack.health import Health
from include.platform.stack.home import StackHome
from include.platform.stack.state import Status, is_supervised

SERVICES = ("redis", "store", "volumes-init", "store-init")


def small_file(folder: Path) -> Path:
    """Write a compose file with a few services of the real one, asked more often."""
    tree = yaml.safe_load((PROJECT_ROOT / "docker-compose.yaml").read_text())
    services = {name: tree["services"][name] for name in SERVICES}
    for service in services.values():
        service["volumes"] = [
            str(PROJECT_ROOT / entry) if entry.startswith("./") else entry
            for entry in service.get("volumes", [])
        ]
    services["redis"]["healthcheck"] |= {"interval": "1s", "timeout": "1s", "retries": 2}
    path = folder / "compose.yaml"
    kept = {key: tree[key] for key in ("secrets", "volumes")}
    path.write_text(yaml.safe_dump({"services": services, **kept}))
    return path


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    made = Stack(StackHome(folder / "home"), 0, {}, small_file(folder))
    made.up(lambda _: None, timeout_s=60)
    try:
        yield made
    finally:
        assert made.down() == []


def inside(stack: Stack, name: str, command: str) -> str:
    done = subprocess.run(
        stack.execute(name, ["/bin/sh", "-c", command]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def until(look: Callable[[], bool], timeout_s: float = 20) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < give_up_at, "not reached in time"
        time.sleep(0.1)


def redis(stack: Stack) -> tuple[Status, Health, int | None, int]:
    found = stack.state().find("redis")
    assert found is not None
    return found.status, found.health, found.pid, found.starts


def test_one_shot_services_are_done_and_the_others_healthy(stack: Stack) -> None:
    state = {item.name: (item.status, item.health) for item in stack.state().instances}
    assert state == {
        "redis": (Status.RUNNING, Health.HEALTHY),
        "store": (Status.RUNNING, Health.HEALTHY),
        "volumes-init": (Status.DONE, Health.NONE),
        "store-init": (Status.DONE, Health.NONE),
    }
    assert (stack.home.volumes / "store-data" / "fex").is_dir()
    assert (stack.home.volumes / "store-data").stat().st_uid == 50000


def test_a_service_sees_its_own_secrets_users_and_processes(stack: Stack) -> None:
    assert inside(stack, "redis", "ls /run/secrets").split() == ["redis_password"]
    assert "store_root_password" in inside(stack, "store", "ls /run/secrets")
    assert inside(stack, "redis", "id -u; hostname").split() == ["999", "redis"]
    # Number 1 is its own, and nobody else's processes are there.
    names = inside(stack, "redis", "cat /proc/[0-9]*/comm").split()
    assert set(names) <= {"redis-server", "redis-cli", "sh", "cat", "grep"}
    capabilities = inside(stack, "redis", "grep -E 'CapEff|CapBnd' /proc/self/status").split()
    assert capabilities[1::2] == ["0" * 16] * 2
    assert "NoNewPrivs:\t1" in inside(stack, "redis", "cat /proc/self/status")
    assert "shadow" not in inside(stack, "redis", "ls /etc")


def test_only_what_the_file_says_can_be_written(stack: Stack) -> None:
    for place in ("/x", "/usr/x", "/etc/x", "/usr/local/etc/redis/redis.conf"):
        told = inside(stack, "redis", f"touch {place}")
        assert "Read-only" in told or "Permission denied" in told, place
    assert inside(stack, "redis", "touch /data/x /run/redis/x && rm /data/x /run/redis/x") == ""


def test_the_network_leads_nowhere_and_names_are_known(stack: Stack) -> None:
    assert inside(stack, "redis", "cat /sys/class/net/*/address").split() == ["00:00:00:00:00:00"]
    ask = "import urllib.request as r; print(r.urlopen('http://store:9000/fex').status)"
    assert inside(stack, "store", f'/opt/venv/bin/python -c "{ask}"').strip() == "200"


def test_limits_are_the_files(stack: Stack) -> None:
    if not stack.groups.kept():
        pytest.skip("this machine has no control groups to write to")
    group = inside(stack, "redis", "cat /proc/self/cgroup")
    assert f"{stack.home.group}/redis" in group
    limits = [
        int(path.read_text())
        for name in ("memory.limit_in_bytes", "memory.max")
        for path in Path("/sys/fs/cgroup").glob(f"**/{stack.home.group}/redis/{name}")
    ]
    assert limits == [300 << 20]
    assert stack.usage("redis").processes >= 1


def test_what_hangs_is_unhealthy_and_what_crashes_is_started_again(stack: Stack) -> None:
    _, _, pid, starts = redis(stack)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    until(lambda: redis(stack)[1] is Health.UNHEALTHY)
    stack.kill("redis")
    until(lambda: redis(stack)[3] == starts + 1 and redis(stack)[1] is Health.HEALTHY)
    events = stack.home.events.read_text()
    assert "redis: unhealthy" in events
    assert "redis: started again" in events


def test_what_is_stopped_by_hand_stays_stopped(stack: Stack) -> None:
    stack.stop("redis")
    until(lambda: redis(stack)[0] is Status.STOPPED)
    time.sleep(1)
    assert redis(stack)[2] is None
    stack.start("redis")
    until(lambda: redis(stack)[1] is Health.HEALTHY)


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    stack = Stack(StackHome(tmp_path / "home"), 0, {}, small_file(tmp_path))
    state = stack.up(lambda _: None, timeout_s=60)
    os.kill(state.pid, signal.SIGKILL)
    until(lambda: not is_supervised(stack.home))
    until(lambda: not any(stack.groups.members(name) for name in stack.instances))
    assert stack.left_behind(state.networks) == []
    # And the next one starts where it was.
    stack.up(lambda _: None, timeout_s=60)
    assert stack.down() == []
