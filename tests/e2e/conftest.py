"""A real platform in a home of its own: scheduler, DAG processor, triggerer, API server."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from include.ledger.ledger import FINAL, Ledger, State
from include.platform.credentials import read_password
from include.platform.dropping import drop
from include.platform.layout import PROJECT_ROOT, Layout
from include.platform.supervisor import Platform
from include.settings import PlatformSettings


@dataclass
class RunningPlatform:
    """What a test may do with the platform, as its users do it."""

    layout: Layout
    environment: dict[str, str]

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a platform command, as make does."""
        done = subprocess.run(
            [sys.executable, "-m", "include.platform", *words],
            cwd=PROJECT_ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def ledger(self) -> Ledger:
        """The ledger, read beside the platform."""
        return Ledger.open(f"sqlite:///{self.layout.ledger}")

    def drop(self, study: str, *recordings: Path) -> None:
        """Put recordings into the lake as a marketer does; start an intake rather than wait."""
        for path in recordings:
            drop(path, self.layout.lake, study)
        settings = PlatformSettings(api_port=int(self.environment["FEX_PLATFORM__API_PORT"]))
        with Platform(self.layout, settings, self.environment).api() as api:
            api.trigger("video_intake")

    def wait(self, until: Callable[[dict[State, int]], bool], timeout_s: float) -> None:
        """Wait for a state of the ledger; fails with what it holds."""
        give_up_at = time.monotonic() + timeout_s
        while time.monotonic() < give_up_at:
            counts = self.ledger().counts()
            if until(counts):
                return
            time.sleep(0.5)
        held = {state.value: count for state, count in self.ledger().counts().items() if count}
        pytest.fail(f"not reached within {timeout_s:g} s; the ledger holds {held}")

    def wait_until_settled(self, recordings: int, timeout_s: float = 240) -> None:
        """Wait until as many recordings have reached an end."""
        self.wait(
            lambda counts: sum(counts[state] for state in FINAL) >= recordings,
            timeout_s,
        )

    def processes(self) -> dict[int, str]:
        """Living processes that carry this platform's mark, by id."""
        from include.platform.environment import ID_VARIABLE, platform_id

        mark = f"{ID_VARIABLE}={platform_id(self.layout)}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
            except (OSError, ProcessLookupError):
                continue
        return found

    def signed_in(self, user: str) -> httpx.Client:
        """A client of the API server, with the user's token."""
        url = f"http://127.0.0.1:{self.environment['FEX_PLATFORM__API_PORT']}"
        given = {"username": user, "password": read_password(self.layout, user)}
        token = httpx.post(f"{url}/auth/token", json=given, timeout=60).json()["access_token"]
        return httpx.Client(base_url=url, timeout=60, headers={"Authorization": f"Bearer {token}"})

    def published(self) -> dict[str, dict[str, object]]:
        """Every published manifest by its key."""
        root = self.layout.lake / "published"
        return {
            path.relative_to(root).as_posix(): json.loads(path.read_text())
            for path in root.rglob("manifest.json")
        }


def report_address(study: str, recording: str) -> str:
    """Where a recording's report is read."""
    names = (base64.urlsafe_b64encode(name.encode()).decode() for name in (study, recording))
    return "/fex/reports/{}/{}/report.html".format(*(name.rstrip("=") for name in names))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningPlatform]:
    """A healthy platform; stopped at the end, whatever the test did to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path / "home"
    running = RunningPlatform(
        layout=Layout(home),
        environment={
            **os.environ,
            "FEX_HOME": str(home),
            "FEX_PLATFORM__API_PORT": str(port),
            # Dropped by rename, complete.
            "FEX_DISCOVERY__STABLE_FOR_S": "0",
        },
    )
    try:
        running.command("up")
        yield running
    finally:
        running.command("down", check=False)
