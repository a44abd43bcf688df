"""The plugins folder on the path, as Airflow puts it there; Airflow in a home of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

# Airflow reads its home when it is first imported, which is before any fixture.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
PLUGINS = str(Path(__file__).parents[2] / "plugins")
if PLUGINS not in sys.path:
    sys.path.insert(0, PLUGINS)
