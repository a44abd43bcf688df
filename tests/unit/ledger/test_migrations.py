"""Migrations: raced by processes, equal to the tables, reversible, refused on a wrong URL."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from include.contracts.errors import ConfigurationError
from include.ledger import engine as engine_module
from include.ledger.ledger import Ledger
from include.ledger.models import HEAD_REVISION, metadata
from tests.unit.ledger.support import Clock, listing

MIGRATIONS = Path(engine_module.__file__).parent / "migrations"


def _open(url: str, start: Any) -> None:
    start.wait()
    Ledger.open(url)


def test_processes_that_open_at_once_migrate_once(url: str, clock: Clock) -> None:
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(6)
    children = [fork.Process(target=_open, args=(url, start)) for _ in range(6)]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=60)

    assert [child.exitcode for child in children] == [0] * 6
    assert Ledger.open(url).observe(listing(1), clock()).new == 1


def test_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    Ledger.open(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
        indexes = {item["name"] for item in inspect(connection).get_indexes("recordings")}
    engine.dispose()

    assert difference == []
    assert {"ix_recordings_state", "ix_recordings_batch_id", "ix_recordings_video_id"} <= indexes


def test_the_head_revision_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD_REVISION


def test_down_and_up_again(url: str, clock: Clock) -> None:
    from alembic import command

    Ledger.open(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()

    assert Ledger.open(url).observe(listing(1), clock()).new == 1


def test_opening_a_current_ledger_keeps_its_rows(url: str, clock: Clock) -> None:
    Ledger.open(url).observe(listing(3), clock())

    assert Ledger.open(url).observe(listing(3), clock()).new == 0


def test_sqlite_waits_and_journals(tmp_path: Path) -> None:
    engine = engine_module.open_engine(f"sqlite:///{tmp_path}/deep/down/ledger.sqlite")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert int(connection.execute(text("PRAGMA busy_timeout")).scalar_one()) >= 30_000
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


@pytest.mark.parametrize(
    "url", ["", "no url", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "nothing://x"]
)
def test_a_wrong_url_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="FEX_STORAGE__LEDGER_URL"):
        Ledger.open(url)
