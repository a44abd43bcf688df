"""Every route of a real API server with FAB, for four DAGs, as five roles and as nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.access.fab_airflow import ROOT, fab_airflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_no_route_differs_from_the_matrix(tmp_path: Path) -> None:
    with fab_airflow(tmp_path) as fab:
        words = ["routes", "--url", fab.url, "--passwords", str(fab.home)]
        done = subprocess.run(
            [sys.executable, "-m", "plugins.access", *words],
            cwd=ROOT,
            env={**os.environ, **fab.environment},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "0 differ from the matrix" in done.stdout
