"""One database as of one moment: SQLite by its backup API, PostgreSQL by pg_dump's snapshot."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from include.contracts.errors import ConfigurationError, PlatformError

_SQLITE, _POSTGRESQL = "sqlite", "postgresql"


def dump(url: str, target: Path) -> None:
    """Write a database into a file, as it is at one moment; others go on working meanwhile.

    Args:
        url: SQLAlchemy URL of a SQLite file or a PostgreSQL database.
        target: Written anew.

    Raises:
        ConfigurationError: The URL is neither, there is no such file, or pg_dump is missing.
        PlatformError: The database cannot be read; the message says why.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == _POSTGRESQL:
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={target}"]
        return _postgresql("pg_dump", parsed, *options)
    source = Path(str(parsed.database))
    if not source.is_file():
        raise ConfigurationError(parsed.render_as_string(), "there is no such file")
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=60)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
            # The copy is read alone: no write-ahead log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
            (state,) = copy.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        raise PlatformError(f"{source} cannot be copied: {error}") from error
    if state != "ok":
        raise PlatformError(f"{source} is damaged: {state}")
    return None


def is_empty(url: str) -> bool:
    """Tell whether a database has no table, or is no file yet."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == _SQLITE and not Path(str(parsed.database)).exists():
        return True
    engine = create_engine(parsed, poolclass=NullPool)
    return not inspect(engine).get_table_names()


def load(source: Path, url: str) -> None:
    """Make a database what `dump` wrote; what is in it goes.

    Raises:
        ConfigurationError: The URL is no database's, or pg_restore is missing.
        PlatformError: The database does not take it; the message says why.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == _POSTGRESQL:
        engine = create_engine(parsed, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        dumped = ["--schema=public", f"--dbname={parsed.database}", str(source)]
        return _postgresql("pg_restore", parsed, *options, *dumped)
    target = Path(str(parsed.database))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.restored")
    shutil.copyfile(source, partial)
    for log in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + log).unlink(missing_ok=True)
    partial.replace(target)
    return None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The error may quote the URL, and with it a password.
        raise ConfigurationError("database URL", "one of them is no database URL") from None
    backend = parsed.get_backend_name()
    if backend not in (_SQLITE, _POSTGRESQL) or not parsed.database:
        raise ConfigurationError(
            parsed.render_as_string(), "only SQLite files and PostgreSQL are backed up"
        )
    return parsed


def _postgresql(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by a file, as libpq reads it."""
    found = shutil.which(program)
    if found is None:
        raise ConfigurationError(
            program,
            "is not installed: Debian's postgresql-client, of the server's version or newer",
        )
    with _libpq(url) as environment:
        done = subprocess.run(
            [found, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        shown = url.render_as_string()
        raise PlatformError(f"{program} of {shown}: {done.stderr.strip()[-500:]}")


@contextmanager
def _libpq(url: URL) -> Iterator[dict[str, str]]:
    """Give the environment that connects a PostgreSQL program where a URL points."""
    host = url.host or str(url.query.get("host", ""))
    given = {
        "PGHOST": host,
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGDATABASE": url.database or "",
    }
    environment = {**os.environ, **{name: value for name, value in given.items() if value}}
    environment.pop("PGPASSWORD", None)
    with tempfile.TemporaryDirectory() as scratch:
        if url.password:
            passwords = Path(scratch) / "pgpass"
            escaped = str(url.password).replace("\\", "\\\\").replace(":", "\\:")
            passwords.touch(mode=0o600)
            passwords.write_text(f"*:*:*:*:{escaped}\n")
            environment["PGPASSFILE"] = str(passwords)
        yield environment
