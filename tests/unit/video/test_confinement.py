"""The locked-down child can read, compute and answer, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from include.contracts.errors import PermanentInputError, TransientError
from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import analysis_request
from include.video.probe import limits_for_child
from include.video.process import Budget, ChildFailedError, ConfinedChild
from tests.media import make_media

ROOT = Path(__file__).parents[3]
PLENTY = Budget(cpu_s=60, wall_s=120, memory_bytes=600 << 20)

ATTEMPTS = {
    "read a file": "open('/etc/passwd')",
    "write a file": "open('/tmp/written-by-the-decoder', 'w')",
    "list a folder": "os.listdir('/')",
    "open a socket": "socket.socket()",
    "start a program": "subprocess.run(['/bin/true'])",
    "replace itself": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork()",
    "start a thread": "threading.Thread(target=print).start()",
    "signal its parent": "os.kill(os.getppid(), 0)",
    "remove a file": "os.unlink('/tmp/anything')",
    "trace its parent": "ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) and fail()",
}


def locked_down(code: str, *, cpu_s: int = 5) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process that has locked itself down; "denied" when it may not."""
    script = f"""
        import ctypes, os, socket, subprocess, sys, threading
        from include.video import confinement
        def fail():
            raise PermissionError
        limits = confinement.ChildLimits(cpu_s={cpu_s}, memory_bytes=64 << 20)
        confinement.limit_resources(limits)
        assert confinement.lock_down(limits, confinement.load_filter_library())
        try:
            {code}
        except (OSError, RuntimeError, MemoryError) as error:
            os.write(1, b"denied " + type(error).__name__.encode())
        else:
            os.write(1, b"allowed")
        os._exit(0)
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_after_lock_down_it_cannot(attempt: str) -> None:
    done = locked_down(ATTEMPTS[attempt])
    assert done.stdout.startswith("denied"), done.stdout + done.stderr
    assert not Path("/tmp/written-by-the-decoder").exists()


def test_after_lock_down_memory_is_bounded() -> None:
    assert locked_down("bytearray(256 << 20)").stdout == "denied MemoryError"
    assert locked_down("bytearray(16 << 20)").stdout == "allowed"


def test_after_lock_down_cpu_time_is_bounded() -> None:
    assert locked_down("\n            while True: pass", cpu_s=1).returncode == -signal.SIGXCPU


def ask(path: Path, budget: Budget, **request: Any) -> list[dict[str, Any]]:
    with path.open("rb") as source:
        limits = limits_for_child(LimitSettings())
        whole = {"job": "probe", "demuxer": "mov", **limits, **request}
        with ConfinedChild(whole, source=source, name="clip.mp4", budget=budget) as child:
            return [header for header, _ in child.messages()]


EXTRACTION = {
    "job": "extract",
    "sample_rate_hz": 30.0,
    "analysis": analysis_request(ExtractionSettings()),
}
"""It takes a while: the parent looks five times a second, on a busy machine later."""


def test_a_child_over_its_memory_is_stopped(media: dict[str, Path]) -> None:
    with pytest.raises(PermanentInputError) as error:
        ask(
            media["two-people.mp4"], Budget(cpu_s=60, wall_s=60, memory_bytes=8 << 20), **EXTRACTION
        )
    assert error.value.code == "decoder_limit"


def test_a_child_over_its_cpu_time_is_stopped(media: dict[str, Path]) -> None:
    with pytest.raises(PermanentInputError) as error:
        ask(
            media["two-people.mp4"],
            Budget(cpu_s=0.01, wall_s=60, memory_bytes=600 << 20),
            **EXTRACTION,
        )
    assert error.value.code == "decoder_limit"


def test_a_child_over_its_time_is_stopped(media: dict[str, Path]) -> None:
    with pytest.raises(PermanentInputError) as error:
        ask(
            media["two-people.mp4"],
            Budget(cpu_s=60, wall_s=0.01, memory_bytes=600 << 20),
            **EXTRACTION,
        )
    assert error.value.code == "decoder_limit"


def test_a_child_killed_from_outside_is_transient(media: dict[str, Path]) -> None:
    with media["two-people.mp4"].open("rb") as source:
        request = {"job": "probe", "demuxer": "mov", **limits_for_child(LimitSettings())}
        with ConfinedChild(request, source=source, name="clip.mp4", budget=PLENTY) as child:
            os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(TransientError):
                list(child.messages())


def test_a_crash_is_undecodable(media: dict[str, Path]) -> None:
    with media["two-people.mp4"].open("rb") as source:
        request = {"job": "probe", "demuxer": "mov", **limits_for_child(LimitSettings())}
        with ConfinedChild(request, source=source, name="clip.mp4", budget=PLENTY) as child:
            os.kill(child.pid, signal.SIGSEGV)
            with pytest.raises(PermanentInputError) as error:
                list(child.messages())
    assert error.value.code == "undecodable"


def test_an_error_of_ours_is_neither(media: dict[str, Path]) -> None:
    with pytest.raises(ChildFailedError, match="KeyError"):
        ask(media["two-people.mp4"], PLENTY, job="no such job")


def test_the_child_sees_nothing_of_our_environment(
    media: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for the decoder")
    with media["two-people.mp4"].open("rb") as source:
        request = {"job": "probe", "demuxer": "mov", **limits_for_child(LimitSettings())}
        with ConfinedChild(request, source=source, name="clip.mp4", budget=PLENTY) as child:
            next(iter(child.messages()))
            environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    assert b"AWS" not in environment


def test_no_child_is_left_behind(tmp_path: Path) -> None:
    path = make_media.good_video(tmp_path / "clip.mp4")
    with path.open("rb") as source:
        request = {"job": "probe", "demuxer": "mov", **limits_for_child(LimitSettings())}
        with ConfinedChild(request, source=source, name="clip.mp4", budget=PLENTY) as child:
            pid = child.pid
    assert not Path(f"/proc/{pid}").exists()
