"""Where published recordings stand: which models answered them, whose result readers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from include.ledger.models import Batch, Recording, State, batches, recordings
from include.ledger.reanalysis_tables import PublishedRecording, ReanalysisState, reanalyses
from include.ledger.rows import BATCH, RECORDING, chunks, recording_of

_ROW = reanalyses.c


def extractions(connection: Connection, batch_id: str) -> list[str]:
    """See `Ledger.extractions`."""
    held = select(recordings.c.extraction_id).where(
        recordings.c.batch_id == batch_id,
        recordings.c.state.in_((State.EXTRACTED, State.TRANSFORMED)),
    )
    again = (
        select(recordings.c.extraction_id)
        .select_from(reanalyses.join(recordings))
        .where(_ROW.batch_id == batch_id, _ROW.state == ReanalysisState.OPEN)
    )
    return sorted(filter(None, connection.scalars(held.union(again))))


def scope(
    connection: Connection, study: str | None, since: datetime | None, until: datetime | None
) -> list[PublishedRecording]:
    """See `ReanalysisBook.scope`."""
    found = _newest_published(connection, study, since, until)
    by_recording = _entries(connection, [recording.id for recording, _ in found])
    return [
        _published(recording, first, by_recording.get(recording.id, ()))
        for recording, first in found
    ]


def _newest_published(
    connection: Connection, study: str | None, since: datetime | None, until: datetime | None
) -> list[tuple[Recording, Batch]]:
    conditions: list[Any] = [recordings.c.state == State.PUBLISHED]
    if study is not None:
        conditions.append(recordings.c.study == study)
    newest = (
        select(func.max(recordings.c.id))
        .where(*conditions)
        .group_by(recordings.c.study, recordings.c.recording)
    )
    window: list[Any] = [recordings.c.id.in_(newest)]
    # A published row is not touched any more: this is when it was published.
    if since is not None:
        window.append(recordings.c.updated_at >= since)
    if until is not None:
        window.append(recordings.c.updated_at < until)
    first = [column.label(f"own_{column.name}") for column in BATCH]
    rows = connection.execute(
        select(*RECORDING, *first)
        .select_from(recordings.join(batches))
        .where(*window)
        .order_by(recordings.c.id)
    ).mappings()
    return [
        (
            recording_of(row),
            Batch(**{field.name: row[f"own_{field.name}"] for field in fields(Batch)}),
        )
        for row in rows
    ]


def _entries(connection: Connection, recording_ids: Sequence[int]) -> dict[int, list[RowMapping]]:
    found: dict[int, list[RowMapping]] = {}
    for chunk in chunks(recording_ids):
        rows = connection.execute(
            select(
                _ROW.recording_id,
                _ROW.state,
                _ROW.result_key,
                _ROW.in_front_at,
                batches.c.model_sha256,
            )
            .select_from(reanalyses.join(batches))
            .where(_ROW.recording_id.in_(chunk))
            .order_by(_ROW.in_front_at, _ROW.batch_id)
        ).mappings()
        for row in rows:
            found.setdefault(row["recording_id"], []).append(row)
    return found


def _published(
    recording: Recording, first: Batch, given: Sequence[RowMapping]
) -> PublishedRecording:
    by_state: dict[str, set[str]] = {state: set() for state in ReanalysisState}
    for row in given:
        by_state[row["state"]].add(row["model_sha256"])
    own = {first.model_sha256} if first.model_sha256 else set()
    shown = [row for row in given if row["in_front_at"] is not None]
    last = max(shown, key=lambda row: row["in_front_at"], default=None)
    return PublishedRecording(
        recording=recording,
        first=first,
        answered=frozenset(by_state[ReanalysisState.PUBLISHED] | own),
        left_out=frozenset(by_state[ReanalysisState.LEFT_OUT]),
        front_sha256=first.model_sha256 if last is None else last["model_sha256"],
        front_key=(recording.result_key or "") if last is None else last["result_key"],
    )
