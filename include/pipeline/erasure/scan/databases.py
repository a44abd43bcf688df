"""Looking through the ledger's and MLflow's databases, row by row, and what their files keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.pool import NullPool

from include.lake.raw import CHUNK_BYTES
from include.pipeline.erasure.scan.contents import in_text, row_text
from include.pipeline.erasure.scan.wanted import Wanted

_ROWS = 1000
_MLFLOW_PAGE = 1000
_BESIDE = ("", "-wal", "-journal")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table that hold something of the person.

    Attributes:
        table: Name of the table, or of the file for what was deleted but still stands in it.
        rows: How many; 0 where it is the file.
        what: What was seen.
    """

    table: str
    rows: int
    what: str


@dataclass(slots=True)
class Databases:
    """Looks through databases and counts the rows it has looked at."""

    wanted: Wanted
    rows: int = 0

    def look(self, url: str) -> Iterator[Rows]:
        """Look through a database of SQLAlchemy's kind, SQLite or another.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: It cannot be read.
        """
        parsed = make_url(url)
        path = Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
        if path is not None and not path.exists():
            return  # nothing was ever written
        engine = create_engine(parsed, poolclass=NullPool)
        if path is not None:
            event.listen(engine, "connect", _reading_alone)
        seen = False
        for found in self._tables(engine):
            seen = True
            yield found
        if path is not None and not seen:
            yield from _in_files(path, self.wanted)

    def look_at_mlflow(self, url: str) -> Iterator[Rows]:
        """Look through an MLflow server by its client: experiments, runs, models, versions."""
        from mlflow import MlflowClient

        client = MlflowClient(url)
        experiments = _pages(client.search_experiments)
        ids = []
        for experiment in experiments:
            ids.append(experiment.experiment_id)
            yield from self._entity("experiment", experiment.experiment_id, dict(experiment))
        for identity in ids:
            for run in _pages(client.search_runs, experiment_ids=[identity]):
                yield from self._entity("run", run.info.run_id, run.to_dictionary())
        for model in _pages(client.search_registered_models):
            yield from self._entity("registered model", model.name, dict(model))
        for version in _pages(client.search_model_versions):
            name = f"{version.name} {version.version}"
            yield from self._entity("model version", name, dict(version))

    def _tables(self, engine: Engine) -> Iterator[Rows]:
        with engine.connect().execution_options(stream_results=True, yield_per=_ROWS) as connection:
            quote = connection.dialect.identifier_preparer.quote
            for table in inspect(connection).get_table_names():
                count, what = 0, ""
                for row in connection.execute(text(f"SELECT * FROM {quote(table)}")):  # noqa: S608
                    self.rows += 1
                    seen = self.wanted.seen_in(row_text(row), near_bytes=None)
                    count, what = (count + 1, seen) if seen else (count, what)
                if count:
                    yield Rows(table, count, what)

    def _entity(self, kind: str, identity: str, content: dict[str, Any]) -> Iterator[Rows]:
        self.rows += 1
        shown = json.dumps(content, default=repr, ensure_ascii=False).encode("utf-8", "replace")
        if what := self.wanted.seen_in(shown, near_bytes=None):
            yield Rows(f"{kind} {identity}", 1, what)


def _in_files(path: Path, wanted: Wanted) -> Iterator[Rows]:
    """What was deleted stands in SQLite's free pages, and in its log, until it is vacuumed."""
    for end in _BESIDE:
        beside = Path(f"{path}{end}")
        try:
            file = beside.open("rb")
        except FileNotFoundError:
            continue
        with closing(file):
            chunks = iter(partial(file.read, CHUNK_BYTES), b"")
            if what := in_text(chunks, wanted, run_together=True):
                yield Rows(str(beside), 0, what)


def _reading_alone(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA busy_timeout=60000")


def _pages(search: Any, **arguments: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(**arguments, max_results=_MLFLOW_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
