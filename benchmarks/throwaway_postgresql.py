"""A PostgreSQL server for the time of a run, from the machine's own packages, without root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text


class NoServerError(Exception):
    """PostgreSQL's server programs are not on this machine."""


def newest() -> Path:
    """Return the folder of the newest server's programs.

    Raises:
        NoServerError: There is none.
    """
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if not found and on_path:
        found = [Path(on_path).resolve().parent]
    if not found:
        raise NoServerError("no PostgreSQL server on this machine (initdb is not installed)")
    return max(found)


@contextmanager
def server() -> Iterator[str]:
    """Run a server on a socket; yield its URL with `{database}` to be filled in.

    Nothing is synced to disk: what is timed here is the work, not the disk. As root it
    runs as another user, since PostgreSQL refuses to.

    Raises:
        NoServerError: PostgreSQL is not installed.
        CalledProcessError: It does not start.
    """
    binaries = newest()
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


def new_database(server_url: str) -> str:
    """Make an empty database on a server of `server`; return its URL."""
    database = f"ledger_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server_url.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {database}"))
    engine.dispose()
    return server_url.format(database=database)
