"""Ledgers on real databases: SQLite in a file, PostgreSQL started here without root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from include.ledger.ledger import Ledger
from tests.unit.ledger.support import Clock


def _newest_postgresql() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if not found and on_path:
        found = [Path(on_path).resolve().parent]
    return max(found, default=None)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a throw-away server on a socket; it refuses to run as root, so it does not."""
    binaries = _newest_postgresql()
    if binaries is None:
        pytest.skip("no PostgreSQL server on this machine (initdb is not installed)")
    folder = Path(tempfile.mkdtemp(prefix="fex-pg-"))
    user: str | None = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
        shutil.chown(folder, user)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=folder, user=user, capture_output=True, timeout=60)

    run(
        str(binaries / "initdb"),
        *("-D", str(data), "-U", "fex", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"),
    )
    options = f"-c listen_addresses= -c fsync=off -c max_connections=40 -k {folder}"
    control = (str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"))
    run(*control, "-o", options, "start")
    try:
        yield f"postgresql+psycopg2://fex@/{{database}}?host={folder}"
    finally:
        run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    database = f"ledger_{uuid.uuid4().hex[:12]}"
    engine = create_engine(
        postgresql_server.format(database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {database}"))
    engine.dispose()
    return postgresql_server.format(database=database)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same tests on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite"
    found = request.getfixturevalue("postgresql_url")
    assert isinstance(found, str)
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def ledger(url: str, clock: Clock) -> Ledger:
    return Ledger.open(url, clock=clock)
