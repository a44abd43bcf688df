"""Changes of a recording's state, each with the state it expects in its condition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from include.ledger.intake import replaced
from include.ledger.models import (
    ATTEMPTS_EXHAUSTED,
    IN_WORK,
    SUPERSEDED,
    LedgerConflictError,
    State,
    recordings,
)

_COLUMNS = recordings.c


def move(
    connection: Connection,
    recording_id: int,
    sources: Collection[State],
    values: dict[str, Any],
    now: datetime,
    *,
    done: Collection[State],
    compare: Sequence[str],
    batch_id: str | None = None,
) -> None:
    """Apply `values` if the state is one of `sources`; else accept only a repetition.

    A repetition finds a state of `done` and the same values of the columns in
    `compare`. With a `batch_id` the recording must be of that batch: a run
    whose recordings were taken over changes nothing any more.

    Raises:
        LedgerConflictError: Neither holds.
    """
    held = [] if batch_id is None else [_COLUMNS.batch_id == batch_id]
    moved = connection.execute(
        update(recordings)
        .where(_COLUMNS.id == recording_id, _COLUMNS.state.in_(list(sources)), *held)
        .values(**values, updated_at=now)
    )
    if moved.rowcount == 1:
        return
    row = _row(connection, recording_id)
    if batch_id is not None and row["batch_id"] != batch_id:
        raise LedgerConflictError(
            f"recording {recording_id} is of {row['batch_id']}, not of {batch_id} any more"
        )
    if row["state"] in done and all(row[name] == values[name] for name in compare):
        return
    raise LedgerConflictError(
        f"recording {recording_id} is {row['state']}: cannot become "
        f"{values.get('state', 'identified')}"
    )


def release_or_fail(
    connection: Connection, recording_id: int, reason: str, max_attempts: int, now: datetime
) -> State:
    """Back to the queue, or failed. See `Ledger.release_or_fail`."""
    row = _row(connection, recording_id)
    if row["state"] in (State.DISCOVERED, State.FAILED):
        return State(row["state"])
    state, code = State.DISCOVERED, None
    if connection.scalar(select(replaced()).where(_COLUMNS.id == recording_id)):
        state, code = State.FAILED, SUPERSEDED
    elif row["attempts"] >= max_attempts:
        state, code = State.FAILED, ATTEMPTS_EXHAUSTED
    done = connection.execute(
        update(recordings)
        .where(_COLUMNS.id == recording_id, _COLUMNS.state.in_(IN_WORK))
        .values(state=state, reason_code=code, reason=reason, lease_until=None, updated_at=now)
    )
    if done.rowcount != 1:
        raise LedgerConflictError(f"recording {recording_id} is {row['state']}: not in work")
    return state


def _row(connection: Connection, recording_id: int) -> RowMapping:
    found = (
        connection.execute(select(recordings).where(_COLUMNS.id == recording_id)).mappings().first()
    )
    if found is None:
        raise LedgerConflictError(f"there is no recording {recording_id}")
    return found
