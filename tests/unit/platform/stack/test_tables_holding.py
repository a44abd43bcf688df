"""Secrets in the rows of a real PostgreSQL are found, also where it packs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from benchmarks.throwaway_postgresql import NoServerError, new_database, server
from include.platform.stack import inside
from include.platform.stack.leaks import forms

WORD = b"geheim-0815"


def test_a_secret_is_found_in_whichever_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        with server() as running:
            url = new_database(running)
            engine = create_engine(url)
            with engine.begin() as connection:
                for statement in (
                    "CREATE TABLE xcom (key text, value jsonb)",
                    "CREATE TABLE log (id int, extra text)",
                    'CREATE TABLE "user" (id int)',
                ):
                    connection.execute(text(statement))
                long = "x" * 100_000 + f'{{"p": "{WORD.decode()}"}}'  # packed by the server
                connection.execute(text("INSERT INTO log VALUES (1, :said)"), {"said": long})
                connection.execute(text("INSERT INTO xcom VALUES ('k', '{\"a\": \"b\"}')"))
            engine.dispose()
            (tmp_path / "airflow_url").write_text(f"{url}\n")
            monkeypatch.setattr(inside, "_AIRFLOW", tmp_path / "airflow_url")
            words = {
                "redis_password": [one.decode() for one in forms(WORD)],
                "other_key": [one.decode() for one in forms(b"nothing:w0%s")],
            }
            assert inside.tables_holding(None, words) == ["redis_password in log"]
    except NoServerError as missing:
        pytest.skip(str(missing))
