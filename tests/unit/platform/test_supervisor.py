"""Up, down and status with small programs in the place of Airflow's components.

The stand-in API server answers the health report with real heartbeats; the
others just run. What is tested is what the platform does with processes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.contracts.errors import PlatformError
from include.platform import supervisor
from include.platform.components import Component, Health, airflow_version
from include.platform.layout import Layout
from include.platform.ports import PortTakenError
from include.platform.supervisor import Platform, StartError
from include.settings import PlatformSettings

SERVER = """
import http.server, json, sys
from datetime import datetime, timedelta, UTC
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        now = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        report = {"metadatabase": {"status": "healthy"}}
        for name in ("scheduler", "dag_processor", "triggerer"):
            report[name] = {"status": "healthy", f"latest_{name}_heartbeat": now}
        body = json.dumps(report).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
IDLE = "import time; time.sleep(300)"


class StandIn(Component):
    """A component whose program is given."""

    def command(self) -> list[str]:
        return [sys.executable, "-S", "-c", *self.options]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def platform(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    layout = Layout(tmp_path / "home")
    layout.create()
    # Migrated and with a champion already: this is about processes.
    (layout.airflow_home / "airflow.db").touch()
    (layout.run / "airflow-migrated").write_text(airflow_version())
    monkeypatch.setattr(supervisor, "has_champion", lambda _env: True)
    settings = PlatformSettings(api_port=port, start_timeout_s=60, stop_timeout_s=5)
    platform = Platform(layout, settings, os.environ)
    replace_component(platform, "api-server", SERVER, str(port))
    for name in ("scheduler", "dag-processor", "triggerer"):
        replace_component(platform, name, IDLE)
    yield platform
    platform.manager.sweep(grace_s=0.0)


def replace_component(platform: Platform, name: str, *program: str) -> None:
    platform.components = tuple(
        StandIn(item.name, item.health_key, program) if item.name == name else item
        for item in platform.components
    )


def pids(platform: Platform) -> dict[str, int | None]:
    return {line.name: line.pid for line in platform.status()}


def silent(phase: str, lines: object) -> None:
    del phase, lines


def test_up_status_down(platform: Platform) -> None:
    assert {line.health for line in platform.status()} == {Health.STOPPED}
    assert platform.up(silent) is True
    assert {line.health for line in platform.status()} == {Health.HEALTHY}
    assert platform.is_up()
    assert platform.down() == ([], 0)
    assert {line.health for line in platform.status()} == {Health.STOPPED}
    assert platform.manager.marked() == []


def test_up_twice_starts_nothing_twice(platform: Platform) -> None:
    platform.up(silent)
    before = pids(platform)
    assert platform.up(silent) is False
    assert pids(platform) == before


def test_down_twice_is_no_error(platform: Platform) -> None:
    platform.up(silent)
    platform.down()
    assert platform.down() == ([], 0)


def test_up_repairs_only_what_was_killed(platform: Platform) -> None:
    platform.up(silent)
    before = pids(platform)
    assert before["scheduler"] is not None
    os.kill(before["scheduler"], signal.SIGKILL)
    wait_until(lambda: pids(platform)["scheduler"] is None)
    assert not platform.is_up()
    assert platform.up(silent) is True
    after = pids(platform)
    assert after.pop("scheduler") != before.pop("scheduler")
    assert after == before


def test_what_a_killed_component_left_running_is_ended_before_it_starts_again(
    platform: Platform,
) -> None:
    work = "import subprocess, sys, time\n" + (
        "subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(300)'],"
        " start_new_session=True)\ntime.sleep(300)"
    )

    def two_sessions() -> bool:
        """Both run, and the second has left the process group of the first."""
        found = platform.manager.marked(components=["scheduler"])
        return len({os.getsid(process.pid) for process in found}) == 2

    replace_component(platform, "scheduler", work)
    platform.up(silent)
    wait_until(two_sessions)
    scheduler = pids(platform)["scheduler"]
    assert scheduler is not None
    orphan = {process.pid for process in platform.manager.marked(components=["scheduler"])}
    orphan.remove(scheduler)
    os.kill(scheduler, signal.SIGKILL)
    wait_until(lambda: pids(platform)["scheduler"] is None)
    platform.up(silent)
    wait_until(two_sessions)
    alive = {process.pid for process in platform.manager.marked(components=["scheduler"])}
    assert not orphan & alive
    killed, swept = platform.down()
    assert killed == []
    assert swept == 1
    assert platform.manager.marked() == []


def test_a_component_that_ends_is_reported_with_its_log_and_nothing_stays(
    platform: Platform, port: int
) -> None:
    # It ends before its first heartbeat: the report knows nothing of it.
    silent_about_it = SERVER.replace('"dag_processor", "triggerer"', '"dag_processor"')
    replace_component(platform, "api-server", silent_about_it, str(port))
    replace_component(platform, "triggerer", "raise SystemExit('no database')")
    with pytest.raises(StartError, match=r"triggerer ended while it was starting.*\n.*no database"):
        platform.up(silent)
    assert platform.manager.marked() == []


def test_a_platform_that_is_up_without_a_model_gets_one(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.up(silent)
    monkeypatch.setattr(supervisor, "has_champion", lambda _env: False)
    monkeypatch.setattr(supervisor, "BOOTSTRAP_MODULE", "no_such_module")
    with pytest.raises(StartError, match="bootstrap ended with status 1"):
        platform.up(silent)
    assert platform.is_up(), "what runs is left running"


def test_a_component_that_does_not_get_healthy_is_named(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = SERVER.replace('"scheduler", "dag_processor", "triggerer"', '"scheduler", "triggerer"')
    replace_component(platform, "api-server", late, str(platform.settings.api_port))
    platform.settings = platform.settings.model_copy(update={"start_timeout_s": 3.0})
    with pytest.raises(StartError, match="dag-processor is not healthy after 3 s"):
        platform.up(silent)
    assert platform.manager.marked() == []


def test_a_heartbeat_of_the_predecessor_does_not_count(platform: Platform) -> None:
    stale = SERVER.replace("timedelta(seconds=1)", "timedelta(seconds=-60)")
    replace_component(platform, "api-server", stale, str(platform.settings.api_port))
    platform.settings = platform.settings.model_copy(update={"start_timeout_s": 2.0})
    with pytest.raises(StartError, match="scheduler is not healthy"):
        platform.up(silent)


def test_a_taken_port_names_the_port_its_holder_and_the_setting(platform: Platform) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", platform.settings.api_port))
        other.listen()
        with pytest.raises(PortTakenError) as raised:
            platform.up(silent)
    message = str(raised.value)
    assert f"Port {platform.settings.api_port}" in message
    assert f"process {os.getpid()}" in message
    assert "FEX_PLATFORM__API_PORT=" in message
    assert platform.manager.marked() == []


def test_somebody_elses_server_on_the_port_is_not_taken_for_ours(platform: Platform) -> None:
    platform.up(silent)
    other = Platform(Layout(platform.layout.home.parent / "other"), platform.settings, os.environ)
    other.layout.create()
    assert {line.health for line in other.status()} == {Health.STOPPED}
    with pytest.raises(PortTakenError):
        other.up(silent)
    assert platform.is_up()


def test_two_homes_side_by_side(platform: Platform, tmp_path: Path) -> None:
    platform.up(silent)
    neighbour = Platform(Layout(tmp_path / "neighbour"), platform.settings, os.environ)
    assert neighbour.down() == ([], 0)
    assert platform.is_up()


def test_a_failed_preparation_leaves_the_components_running(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "has_champion", lambda _env: False)
    original = platform._spawn

    def spawn(name: str, module: list[str], env: dict[str, str]) -> object:
        return original(name, ["this_module_does_not_exist"], env)

    monkeypatch.setattr(platform, "_spawn", spawn)
    with pytest.raises(PlatformError, match="bootstrap ended with status 1"):
        platform.up(silent)
    assert platform.is_up()


def wait_until(condition: object, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
