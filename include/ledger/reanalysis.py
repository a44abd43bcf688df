"""Re-analyses in the ledger: published recordings that a batch of their own answers once more.

A batch of re-analyses holds no recording: the recordings stay published, with the analysis
and the result they have. What becomes of a re-analysis is a row beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from include.ledger import published
from include.ledger.engine import writing
from include.ledger.models import (
    Batch,
    LedgerConflictError,
    State,
    batches,
    recordings,
)
from include.ledger.reanalysis_tables import (
    PublishedRecording,
    Reanalysis,
    ReanalysisState,
    reanalyses,
)
from include.ledger.rows import RECORDING, batch_where, chunks, recording_of

_ROW = reanalyses.c
_OWN = [
    column.label(f"own_{column.name}")
    for column in (
        _ROW.batch_id,
        _ROW.before_key,
        _ROW.state,
        _ROW.why,
        _ROW.analysis_id,
        _ROW.result_key,
        _ROW.in_front_at,
    )
]


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """The model version that answers a batch."""

    name: str
    version: str
    package_uri: str
    sha256: str


class ReanalysisBook:
    """Re-analyses. Safe to share between threads."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    # --- what there is ---

    def scope(
        self, study: str | None, since: datetime | None, until: datetime | None
    ) -> list[PublishedRecording]:
        """The newest published version of each recording, in the order they were first seen.

        Args:
            study: Name of the study; None takes all.
            since: First moment at which it was published; None: any.
            until: First moment after the window; None: any.
        """
        with self._engine.connect() as connection:
            return published.scope(connection, study, since, until)

    def studies(self) -> list[str]:
        """Studies with published recordings, sorted."""
        published = recordings.c.state == State.PUBLISHED
        with self._engine.connect() as connection:
            query = select(recordings.c.study).where(published).distinct()
            return sorted(connection.scalars(query))

    def of_batch(
        self, batch_id: str, states: Collection[ReanalysisState] = tuple(ReanalysisState)
    ) -> list[Reanalysis]:
        """Re-analyses of a batch in these states, in the order of their recordings."""
        return self._select(_ROW.batch_id == batch_id, _ROW.state.in_(list(states)))

    def results_of(self, model_sha256: str, recording_ids: Iterable[int]) -> list[Reanalysis]:
        """The latest published re-analysis of each of these recordings by a model."""
        latest: dict[int, Reanalysis] = {}
        for chunk in chunks(sorted(recording_ids)):
            for entry in self._select(
                batches.c.model_sha256 == model_sha256,
                _ROW.recording_id.in_(chunk),
                _ROW.state == ReanalysisState.PUBLISHED,
            ):
                latest[entry.recording.id] = entry
        return [latest[identity] for identity in sorted(latest)]

    # --- changes ---

    def open(self, run_key: str, model: PinnedModel, chosen: Mapping[int, str]) -> Batch:
        """Open a batch of re-analyses with its model; a run key that has one gets that one.

        Args:
            run_key: Identity of the run.
            model: Who answers.
            chosen: What is answered: prefix of the result that readers take, by recording id.
        """
        with writing(self._engine) as connection:
            known = batch_where(connection, batches.c.run_key == run_key)
            if known is not None:
                return known
            now = self._clock()
            batch_id = _batch_id(run_key, now)
            connection.execute(
                insert(batches).values(
                    batch_id=batch_id,
                    run_key=run_key,
                    created_at=now,
                    model_name=model.name,
                    model_version=model.version,
                    package_uri=model.package_uri,
                    model_sha256=model.sha256,
                )
            )
            rows = [
                {
                    "batch_id": batch_id,
                    "recording_id": recording_id,
                    "before_key": before_key,
                    "state": ReanalysisState.OPEN,
                    "why": "",
                    "updated_at": now,
                }
                for recording_id, before_key in chosen.items()
            ]
            if rows:
                connection.execute(insert(reanalyses), rows)
            opened = batch_where(connection, batches.c.run_key == run_key)
        assert opened is not None
        return opened

    def opened(self, run_key: str) -> Batch | None:
        """The batch of a run, None before it is opened."""
        with self._engine.connect() as connection:
            return batch_where(connection, batches.c.run_key == run_key)

    def note(self, batch_id: str, recording_id: int, why: str) -> None:
        """Say what holds an open re-analysis up; any other is left as it is."""
        with writing(self._engine) as connection:
            _move(connection, batch_id, recording_id, {"why": why}, self._clock())

    def mark_published(
        self, batch_id: str, recording_id: int, *, analysis_id: str, result_key: str
    ) -> None:
        """The new result is complete in the lake; the same again is a no-op.

        Raises:
            LedgerConflictError: It is not open, or has another result.
        """
        values = {"why": "", "analysis_id": analysis_id, "result_key": result_key}
        self._close(batch_id, recording_id, ReanalysisState.PUBLISHED, values, "result_key")

    def leave_out(self, batch_id: str, recording_id: int, *, why: str) -> None:
        """It cannot be done; the same again is a no-op.

        Raises:
            LedgerConflictError: It is published.
        """
        self._close(batch_id, recording_id, ReanalysisState.LEFT_OUT, {"why": why})

    def mark_in_front(self, batch_id: str, recording_id: int) -> None:
        """Readers take the new result from now on; the same again is a no-op.

        Raises:
            LedgerConflictError: It is not published.
        """
        with writing(self._engine) as connection:
            now = self._clock()
            connection.execute(
                update(reanalyses)
                .where(
                    _ROW.batch_id == batch_id,
                    _ROW.recording_id == recording_id,
                    _ROW.state == ReanalysisState.PUBLISHED,
                    _ROW.in_front_at.is_(None),
                )
                .values(in_front_at=now, updated_at=now)
            )
            row = _one(connection, batch_id, recording_id)
            if row["in_front_at"] is None:
                raise LedgerConflictError(
                    f"the re-analysis of recording {recording_id} in {batch_id} is "
                    f"{row['state']}: readers cannot be given it"
                )

    # --- inside ---

    def _select(self, *conditions: Any) -> list[Reanalysis]:
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(*RECORDING, *_OWN)
                .select_from(
                    reanalyses.join(recordings).join(batches, _ROW.batch_id == batches.c.batch_id)
                )
                .where(*conditions)
                .order_by(_ROW.recording_id, batches.c.created_at, _ROW.batch_id)
            ).mappings()
            return [_reanalysis(row) for row in rows]

    def _close(
        self,
        batch_id: str,
        recording_id: int,
        state: ReanalysisState,
        values: Mapping[str, Any],
        *compare: str,
    ) -> None:
        with writing(self._engine) as connection:
            changed = {**values, "state": state}
            if _move(connection, batch_id, recording_id, changed, self._clock()):
                return
            row = _one(connection, batch_id, recording_id)
            if row["state"] != state or any(row[name] != values[name] for name in compare):
                raise LedgerConflictError(
                    f"the re-analysis of recording {recording_id} in {batch_id} is "
                    f"{row['state']}: it cannot become {state}"
                )


def _reanalysis(row: RowMapping) -> Reanalysis:
    return Reanalysis(
        batch_id=row["own_batch_id"],
        recording=recording_of(row),
        before_key=row["own_before_key"],
        state=ReanalysisState(row["own_state"]),
        why=row["own_why"],
        analysis_id=row["own_analysis_id"],
        result_key=row["own_result_key"],
        in_front_at=row["own_in_front_at"],
    )


def _move(
    connection: Connection,
    batch_id: str,
    recording_id: int,
    values: Mapping[str, Any],
    now: datetime,
) -> bool:
    """Change an open re-analysis; False where it is not open."""
    moved = connection.execute(
        update(reanalyses)
        .where(
            _ROW.batch_id == batch_id,
            _ROW.recording_id == recording_id,
            _ROW.state == ReanalysisState.OPEN,
        )
        .values(**values, updated_at=now)
    )
    return moved.rowcount == 1


def _one(connection: Connection, batch_id: str, recording_id: int) -> RowMapping:
    row = connection.execute(
        select(reanalyses).where(_ROW.batch_id == batch_id, _ROW.recording_id == recording_id)
    ).mappings()
    found = row.first()
    if found is None:
        raise LedgerConflictError(f"{batch_id} does not re-analyse recording {recording_id}")
    return found


def _batch_id(run_key: str, now: datetime) -> str:
    digest = hashlib.sha256(run_key.encode()).hexdigest()[:8]
    return f"reprocess-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}"
