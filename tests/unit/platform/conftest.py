from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.platform.processes import ProcessManager, ProcessRecord

Start = Callable[..., ProcessRecord]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ProcessManager]:
    for folder in ("run", "logs"):
        (tmp_path / folder).mkdir()
    manager = ProcessManager(
        run_dir=tmp_path / "run",
        logs_dir=tmp_path / "logs",
        platform_id=f"test-{os.getpid()}-{tmp_path.name}",
    )
    yield manager
    manager.sweep(grace_s=0.0)


@pytest.fixture
def start(manager: ProcessManager, tmp_path: Path) -> Start:
    """Start a small Python program under a name."""

    def _start(name: str, program: str) -> ProcessRecord:
        return manager.start(
            name, [sys.executable, "-S", "-c", program], env=dict(os.environ), cwd=tmp_path
        )

    return _start
