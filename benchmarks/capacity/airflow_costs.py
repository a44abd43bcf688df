"""What Airflow adds: CPU by component and rows in its database, for one batch. Measured.

A platform of its own runs; what it uses idle is measured first and taken off. The figures are
those of LocalExecutor on SQLite: Celery and PostgreSQL move the tasks, not how many there are.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import airflow_overhead
from benchmarks.clips import Clip
from include.platform.supervisor import Platform

LOOPS = ("scheduler", "dag-processor", "triggerer", "api-server")
_IDLE_S = 30.0


@dataclass(frozen=True, slots=True)
class AirflowCosts:
    """Of one batch.

    Attributes:
        cpu_s: CPU seconds of everything, stages included, above what is used idle.
        loop_cpu_s: Of each component without the tasks that it starts, above idle.
        idle_cores: CPU seconds a second while nothing is to be done.
        rows: New rows by table of Airflow's database, those of the intake run included.
        wall_s: From the drop to the last recording's end.
    """

    cpu_s: float
    loop_cpu_s: Mapping[str, float]
    idle_cores: float
    rows: Mapping[str, int]
    wall_s: float


@dataclass(frozen=True, slots=True)
class _Used:
    at_s: float
    total_s: float
    loops_s: Mapping[str, float]


def measure(home: Path, *, recordings: int, seconds: float) -> AirflowCosts:
    """Run one batch on a platform of its own.

    Args:
        home: An empty folder for the platform and the clips.
        recordings: In the batch.
        seconds: Length of each.

    Raises:
        PlatformError: The platform does not start, or the batch does not end.
    """
    os.environ |= {
        **airflow_overhead.environment(home),
        # Started by hand: a listing of its own would count twice.
        "FEX_DISCOVERY__SCHEDULE": "0 0 1 1 *",
    }
    folder = home / "clips"
    folder.mkdir()
    for number in range(recordings):
        Clip(f"clip-{number}", 1280, 720, 30, seconds + number / 30).make(folder)
    platform = Platform.from_environment(dict(os.environ))
    platform.up(lambda *_: None)
    try:
        database = platform.layout.airflow_home / "airflow.db"
        before = _used(platform)
        time.sleep(_IDLE_S)
        start, rows = _used(platform), _rows(database)
        idle = _per_s(before, start)
        airflow_overhead.analysed(platform, folder, recordings)
        end = _used(platform)
        added = {name: count - rows.get(name, 0) for name, count in _rows(database).items()}
    finally:
        platform.down()
    took_s = end.at_s - start.at_s
    return AirflowCosts(
        cpu_s=end.total_s - start.total_s - idle.total_s * took_s,
        loop_cpu_s={
            name: max(0.0, end.loops_s[name] - start.loops_s[name] - idle.loops_s[name] * took_s)
            for name in LOOPS
        },
        idle_cores=idle.total_s,
        rows={name: count for name, count in sorted(added.items()) if count > 0},
        wall_s=took_s,
    )


def _used(platform: Platform) -> _Used:
    """CPU seconds so far: of each live process and of the children that it has waited for."""
    total = 0.0
    for process in platform.manager.marked():
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    loops = {line.name: _own(line.name, line.pid) for line in platform.status() if line.pid}
    return _Used(time.monotonic(), total, {name: loops.get(name, 0.0) for name in LOOPS})


def _own(name: str, pid: int) -> float:
    """Of a component's own loop; the API server's workers are its loop."""
    process = psutil.Process(pid)
    own = [process, *(process.children(recursive=True) if name == "api-server" else ())]
    total = 0.0
    for item in own:
        with contextlib.suppress(psutil.Error):
            times = item.cpu_times()
            total += times.user + times.system
    return total


def _per_s(before: _Used, after: _Used) -> _Used:
    took_s = after.at_s - before.at_s
    loops = {name: (after.loops_s[name] - before.loops_s[name]) / took_s for name in LOOPS}
    return _Used(after.at_s, (after.total_s - before.total_s) / took_s, loops)


def _rows(database: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in tables.fetchall()
        }
