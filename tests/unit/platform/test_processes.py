"""The process manager, with real small processes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from include.platform.processes import ProcessManager, ProcessRecord

Start = Callable[..., ProcessRecord]
# One write for each line: printed, those of two processes may interleave.
SLEEP = r"import os, time; os.write(1, b'ready\n'); time.sleep(300)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(300)"
)
# The grandchild leaves the session and the group and loses its parent, as a daemon does.
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(1, f'daemon {os.getpid()}\\n'.encode())
        time.sleep(300)
    os._exit(0)
os.wait()
os.write(1, b'ready\\n')
time.sleep(300)
"""
# Its child gets an environment without the mark: only the family tie tells.
UNMARKED_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(300)'],
                         env={}, start_new_session=True)
print('child', child.pid, flush=True)
print('ready', flush=True)
time.sleep(300)
"""


def wait_for_log(manager: ProcessManager, name: str, text: str, *, times: int = 1) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        written = manager.log_file(name).read_text()
        if written.count(text) >= times:
            return written
        time.sleep(0.02)
    raise AssertionError(f"{name} never wrote {text!r}")


def pid_after(written: str, word: str) -> int:
    return next(int(line.split()[1]) for line in written.splitlines() if line.startswith(word))


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_started_process_is_found_with_its_log(manager: ProcessManager, start: Start) -> None:
    record = start("one", SLEEP)
    wait_for_log(manager, "one", "ready")
    assert manager.find("one") == record
    assert os.getpgid(record.pid) == record.pid
    assert os.getsid(record.pid) == record.pid


def test_another_manager_finds_it_too(
    manager: ProcessManager, start: Start, tmp_path: Path
) -> None:
    record = start("one", SLEEP)
    later = ProcessManager(
        run_dir=tmp_path / "run", logs_dir=tmp_path / "logs", platform_id="whatever"
    )
    assert later.find("one") == record
    assert later.stop(["one"], timeout_s=10) == []
    assert manager.find("one") is None


def test_stop_ends_the_whole_group(manager: ProcessManager, start: Start) -> None:
    program = f"import os\nos.fork()\n{SLEEP}"
    record = start("family", program)
    wait_for_log(manager, "family", "ready", times=2)
    members = [record.pid, *(child.pid for child in psutil.Process(record.pid).children())]
    assert len(members) == 2
    assert manager.stop(["family"], timeout_s=10) == []
    assert all(is_gone(pid) for pid in members)
    assert manager.find("family") is None


def test_what_ignores_sigterm_is_killed_and_named(manager: ProcessManager, start: Start) -> None:
    stubborn, polite = start("stubborn", STUBBORN), start("polite", SLEEP)
    wait_for_log(manager, "stubborn", "ready")
    assert manager.stop(["stubborn", "polite"], timeout_s=0.3) == ["stubborn"]
    assert is_gone(stubborn.pid)
    assert is_gone(polite.pid)


def test_stopping_what_does_not_run_is_no_error(manager: ProcessManager) -> None:
    assert manager.stop(["never-started"], timeout_s=1) == []


def test_the_record_of_a_killed_process_is_stale(manager: ProcessManager, start: Start) -> None:
    record = start("one", SLEEP)
    os.kill(record.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while manager.find("one") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert manager.find("one") is None
    assert manager.exit_status(record) == -signal.SIGKILL


def test_a_pid_that_belongs_to_somebody_else_by_now_is_not_ours(
    manager: ProcessManager, tmp_path: Path
) -> None:
    other = {"name": "one", "pid": os.getpid(), "started_at_s": time.time() - 86_400 * 365}
    (tmp_path / "run" / "one.json").write_text(json.dumps(other))
    assert manager.find("one") is None
    assert not (tmp_path / "run" / "one.json").exists()
    assert manager.stop(["one"], timeout_s=1) == []


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', '{"name":"a","pid":1,"x":2}'])
def test_a_damaged_record_is_no_process(
    manager: ProcessManager, tmp_path: Path, content: str
) -> None:
    (tmp_path / "run" / "one.json").write_text(content)
    assert manager.find("one") is None


def test_sweep_finds_a_daemon_that_left_its_group(manager: ProcessManager, start: Start) -> None:
    start("parent", DAEMON)
    wait_for_log(manager, "parent", "ready")
    daemon = pid_after(wait_for_log(manager, "parent", "daemon"), "daemon")
    manager.stop(["parent"], timeout_s=10)
    assert not is_gone(daemon)
    assert [process.pid for process in manager.marked()] == [daemon]
    assert manager.sweep() == 1
    assert is_gone(daemon)
    assert manager.marked() == []


def test_marked_includes_descendants_without_the_mark(
    manager: ProcessManager, start: Start
) -> None:
    record = start("parent", UNMARKED_CHILD)
    wait_for_log(manager, "parent", "ready")
    child = pid_after(wait_for_log(manager, "parent", "child"), "child")
    assert {process.pid for process in manager.marked()} == {record.pid, child}
    assert manager.sweep() == 2
    assert is_gone(child)


def test_sweep_can_be_limited_to_components_and_keep_some(
    manager: ProcessManager, start: Start
) -> None:
    one, two = start("one", SLEEP), start("two", SLEEP + "  # keep me")
    assert [process.pid for process in manager.marked(components=["one"])] == [one.pid]
    assert manager.sweep(keep=lambda command: "keep me" in command) == 1
    assert is_gone(one.pid)
    assert not is_gone(two.pid)


def test_the_processes_of_another_platform_are_left_alone(
    manager: ProcessManager, start: Start, tmp_path: Path
) -> None:
    record = start("one", SLEEP)
    neighbour = ProcessManager(run_dir=tmp_path, logs_dir=tmp_path, platform_id="neighbour")
    assert neighbour.marked() == []
    assert neighbour.sweep() == 0
    assert not is_gone(record.pid)


def test_a_large_log_is_set_aside_at_the_next_start(
    manager: ProcessManager, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.platform.processes._MAX_LOG_BYTES", 10)
    manager.log_file("one").write_text("x" * 11)
    start("one", SLEEP)
    wait_for_log(manager, "one", "ready")
    assert manager.log_file("one").with_suffix(".log.1").read_text() == "x" * 11


def test_a_record_knows_a_zombie_is_not_alive(manager: ProcessManager, start: Start) -> None:
    record = start("short", "pass")
    deadline = time.monotonic() + 10
    while record.process() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert record.process() is None
    assert ProcessRecord("x", record.pid, 0.0).process() is None
