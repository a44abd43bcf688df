"""Opening the ledger's database: engine, transactions, migrations to head."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from include.contracts.errors import ConfigurationError
from include.ledger.models import HEAD_REVISION

_SETTING = "FEX_STORAGE__LEDGER_URL"
_BUSY_TIMEOUT_MS = 60_000
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""How long a network that hangs is waited for (libpq, "Parameter Key Words"; seconds, the last
one milliseconds). Without them a process hangs with it for up to two hours."""
_LOCK_MIGRATION = 0x6665780001
_LOCK_INTAKE = 0x6665780002
_LOCK_RETRAINING = 0x6665780003
_LOCK_AUDIT = 0x6665780004
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(url: str) -> Engine:
    """Connect and migrate to head; safe when several processes do so at once.

    Raises:
        ConfigurationError: The URL is not one of SQLite (a file) or PostgreSQL.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise ConfigurationError(_SETTING, f"{backend!r} is neither sqlite nor postgresql")
        if backend == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise ConfigurationError(_SETTING, "SQLite needs a file: sqlite:////path/to/file")
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        # No pool: a connection is cheap here, and none may survive into a forked task.
        patience = _PATIENCE if backend == "postgresql" else {}
        engine = create_engine(parsed, poolclass=NullPool, connect_args=patience)
    except (ArgumentError, NoSuchModuleError, ValueError):
        # The error itself may quote the URL, and with it a password.
        raise ConfigurationError(
            _SETTING, "not a database URL: scheme, user, password, host and port are read from it"
        ) from None
    if backend == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    migrate(engine)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes.

    On SQLite it takes the write lock at its start: a transaction that reads
    first and writes later would fail instead of waiting.
    """
    with engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
        yield connection


@contextmanager
def intake_lock(engine: Engine) -> Iterator[Connection]:
    """A writing transaction that only one process has at a time, for listing and claiming."""
    with _alone(engine, _LOCK_INTAKE) as connection:
        yield connection


@contextmanager
def retraining_lock(engine: Engine) -> Iterator[Connection]:
    """A writing transaction that only one process has at a time, for asking for a retraining."""
    with _alone(engine, _LOCK_RETRAINING) as connection:
        yield connection


@contextmanager
def audit_lock(engine: Engine) -> Iterator[Connection]:
    """A writing transaction that only one process has at a time, for the audit log."""
    with _alone(engine, _LOCK_AUDIT) as connection:
        yield connection


@contextmanager
def _alone(engine: Engine, lock: int) -> Iterator[Connection]:
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({lock})"))
        yield connection


def migrate(engine: Engine) -> None:
    """Bring the schema to head. Costs one query when it is there already."""
    with engine.connect() as connection:
        if _revision(connection) == HEAD_REVISION:
            return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with _migration_lock(engine):
        if engine.dialect.name == "sqlite":
            _keep_write_ahead_log(engine)
        with writing(engine) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}.migrate-lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        # Held by the session: the migration itself runs in another transaction.
        connection.execute(text(f"SELECT pg_advisory_lock({_LOCK_MIGRATION})"))
        try:
            yield
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK_MIGRATION})"))


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # SQLAlchemy's "begin" event starts transactions, not the driver.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _keep_write_ahead_log(engine: Engine) -> None:
    """Let readers and a writer work side by side. The file remembers it.

    Two connections that switch at once do not wait for each other, one of them fails:
    hence once, under the migration lock, and not on every connection.
    """
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
