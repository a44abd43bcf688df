"""A registry that was killed while it was made for the first time starts all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml.registry.mlflow import MlflowRegistry

OPEN = """
import sys
from ml.registry.mlflow import MlflowRegistry
MlflowRegistry(tracking_uri=sys.argv[1], artifact_uri=sys.argv[2]).list_versions("x")
"""


@pytest.mark.thorough
def test_a_registry_killed_while_its_tables_were_made_can_be_opened(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.sqlite"
    arguments = [f"sqlite:///{database}", (tmp_path / "artefacts").as_uri()]
    first = subprocess.Popen([sys.executable, "-c", OPEN, *arguments])
    aside = tmp_path / "mlflow.sqlite.new"
    give_up_at = time.monotonic() + 120
    while not (aside.exists() and aside.stat().st_size > 0) and time.monotonic() < give_up_at:
        time.sleep(0.002)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not database.exists(), "killed before the tables were complete"

    registry = MlflowRegistry(tracking_uri=arguments[0], artifact_uri=arguments[1])
    assert registry.list_versions("x") == ()
    assert database.exists()
