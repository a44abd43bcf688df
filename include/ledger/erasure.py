"""Erasure in the ledger: hold the rows of a person's recordings, then take them out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Text, cast, delete, select, update

from include.ledger.engine import intake_lock, writing
from include.ledger.models import (
    IN_WORK,
    Recording,
    State,
    batches,
    recordings,
    transform_jobs,
)
from include.ledger.reanalysis_tables import ReanalysisState, reanalyses
from include.ledger.rows import RECORDING, recording_of

ERASED = "erased"
"""Reason code of a row that is held for its erasure."""
_ROW = recordings.c


class ErasureBook:
    """What the ledger knows of recordings that are to be forgotten."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def uploads(self, study: str, names: Collection[str]) -> list[Recording]:
        """Every version of recordings of a study, and of all recordings of the same bytes."""
        places = {(study, name) for name in names}
        found: dict[int, Recording] = {}
        with self._engine.connect() as connection:
            while places:
                new: list[Recording] = []
                for place, name in sorted(places):
                    new += _recordings(connection, _ROW.study == place, _ROW.recording == name)
                videos = {row.video_id for row in new if row.video_id}
                found |= {row.id: row for row in new}
                same = _recordings(connection, _ROW.video_id.in_(sorted(videos)))
                places = {(row.study, row.recording) for row in same if row.id not in found}
        return [found[number] for number in sorted(found)]

    def studies(self) -> set[str]:
        """Every study that a recording was ever seen of."""
        with self._engine.connect() as connection:
            return set(connection.scalars(select(_ROW.study).distinct()))

    def living(self, recording_ids: Collection[int]) -> set[tuple[str, str]]:
        """Study and name of every recording but these."""
        query = select(_ROW.study, _ROW.recording).where(_ROW.id.not_in(recording_ids)).distinct()
        with self._engine.connect() as connection:
            return {(row.study, row.recording) for row in connection.execute(query)}

    def scrub(self) -> None:
        """Have nothing that was deleted stand in the database's own file any longer.

        SQLite keeps deleted rows in free pages and in its log until they are written over.
        PostgreSQL's autovacuum does the like by itself.

        Raises:
            sqlalchemy.exc.OperationalError: Another process does not let go of the file.
        """
        if self._engine.dialect.name != "sqlite":
            return
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("VACUUM")
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()

    def analyses(self, recording_ids: Collection[int]) -> set[str]:
        """Analyses of recordings, the first ones and those made again."""
        first = select(_ROW.analysis_id).where(_ROW.id.in_(recording_ids))
        again = select(reanalyses.c.analysis_id).where(reanalyses.c.recording_id.in_(recording_ids))
        with self._engine.connect() as connection:
            return set(filter(None, connection.scalars(first.union(again))))

    def models(self) -> set[str]:
        """sha256 of every model that was ever pinned to a batch."""
        with self._engine.connect() as connection:
            return set(filter(None, connection.scalars(select(batches.c.model_sha256).distinct())))

    def jobs(self, extraction_ids: Iterable[str]) -> set[str]:
        """Names of transform jobs that were given shards of these extractions."""
        with self._engine.connect() as connection:
            return {row.name for row in _jobs(connection, extraction_ids)}

    def hold(self, recording_ids: Collection[int], lease_s: float) -> list[Recording]:
        """Take recordings out of every queue; return those that somebody works on at present.

        Nothing is held while one of them is in work, or in a re-analysis that was opened
        less than `lease_s` ago.
        """
        now = self._clock()
        chosen = _ROW.id.in_(recording_ids)
        again = (
            select(reanalyses.c.recording_id)
            .join(batches)
            .where(
                reanalyses.c.state == ReanalysisState.OPEN,
                batches.c.created_at > now - timedelta(seconds=lease_s),
            )
        )
        in_work = _ROW.state.in_(list(IN_WORK)) & (_ROW.lease_until > now)
        with intake_lock(self._engine) as connection:
            busy = _recordings(connection, chosen, in_work | _ROW.id.in_(again))
            if not busy:
                connection.execute(
                    update(recordings)
                    .where(chosen)
                    .values(
                        state=State.FAILED,
                        reason_code=ERASED,
                        reason=None,
                        lease_until=None,
                        updated_at=now,
                    )
                )
            return busy

    def forget_analyses(self, recording_ids: Collection[int]) -> None:
        """Delete the rows of re-analyses."""
        with writing(self._engine) as connection:
            _forget_analyses(connection, recording_ids)

    def forget(self, recording_ids: Collection[int], extraction_ids: Collection[str]) -> None:
        """Delete the rows of recordings, and the names of their shards from jobs."""
        with writing(self._engine) as connection:
            _forget_analyses(connection, recording_ids)
            for job in _jobs(connection, extraction_ids):
                kept = [name for name in job.shards if not _of(name, extraction_ids)]
                connection.execute(
                    update(transform_jobs)
                    .where(transform_jobs.c.name == job.name)
                    .values(shards=kept)
                )
            connection.execute(delete(recordings).where(_ROW.id.in_(recording_ids)))


def _forget_analyses(connection: Connection, recording_ids: Collection[int]) -> None:
    connection.execute(delete(reanalyses).where(reanalyses.c.recording_id.in_(recording_ids)))


def _of(shard: str, extraction_ids: Iterable[str]) -> bool:
    return any(shard.startswith(f"{identity}-") for identity in extraction_ids)


def _jobs(connection: Connection, extraction_ids: Iterable[str]) -> list[Any]:
    found: dict[str, Any] = {}
    for identity in extraction_ids:
        named = cast(transform_jobs.c.shards, Text).like(f"%{identity}-%")
        rows = connection.execute(
            select(transform_jobs.c.name, transform_jobs.c.shards).where(named)
        )
        found |= {row.name: row for row in rows}
    return list(found.values())


def _recordings(connection: Connection, *conditions: Any) -> list[Recording]:
    rows = connection.execute(select(*RECORDING).where(*conditions).order_by(_ROW.id)).mappings()
    return [recording_of(row) for row in rows]
