"""The whole stack, as `make production` runs it: minutes long, with `FEX_TEST_STACK=1` only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.platform.layout import PROJECT_ROOT

PORT = "8391"
LONGEST_S = 600


@pytest.mark.timeout(LONGEST_S + 60)
@pytest.mark.skipif(
    not os.environ.get("FEX_TEST_STACK"),
    reason="FEX_TEST_STACK is not set: two minutes on an idle machine are not in `make test`",
)
def test_a_study_goes_through_the_stack_and_nothing_is_left(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "include.platform.stack", "--home", str(home)]
    done = subprocess.run(
        [*command, "--port", PORT],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong:" not in done.stdout
    assert "worker-1" in done.stdout
    assert "worker-2" in done.stdout
    # What came out right leaves nothing: data, logs and secrets of the check go too.
    assert not home.exists()
    again = subprocess.run(
        [*command, "status"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 1
    assert "No stack runs" in again.stderr
