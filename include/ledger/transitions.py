"""Changes of a recording's state, each with the state it expects in its condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Transition:
    """A change that may be repeated."""

    verb: str
    sources: frozenset[State]
    target: State | None
    """None: the state stays."""
    done: frozenset[State]
    """States in which the change is a repetition, if it says the same."""
    compare: tuple[str, ...] = ()
    """Columns that must be the same for that."""


_AFTER_CLAIM = (State.EXTRACTED, State.TRANSFORMED, State.PUBLISHED)

IDENTIFY = Transition(
    "identified",
    frozenset({State.CLAIMED}),
    None,
    frozenset(_AFTER_CLAIM),
    ("video_id", "extraction_id"),
)
EXTRACT = Transition(
    "extracted", frozenset({State.CLAIMED}), State.EXTRACTED, frozenset(_AFTER_CLAIM)
)
TRANSFORM = Transition(
    "transformed",
    frozenset({State.EXTRACTED}),
    State.TRANSFORMED,
    frozenset({State.TRANSFORMED, State.PUBLISHED}),
    ("analysis_id",),
)
PUBLISH = Transition(
    "published",
    frozenset({State.TRANSFORMED}),
    State.PUBLISHED,
    frozenset({State.PUBLISHED}),
    ("result_key",),
)
QUARANTINE = Transition(
    "quarantined",
    frozenset({State.DISCOVERED, *IN_WORK}),
    State.QUARANTINED,
    frozenset({State.QUARANTINED}),
    ("reason_code", "result_key"),
)
WITHDRAW = Transition(
    "withdrawn",
    frozenset({State.PUBLISHED}),
    State.QUARANTINED,
    frozenset({State.QUARANTINED}),
    ("reason_code", "result_key"),
)
REOPEN = Transition(
    "reopened",
    frozenset({State.QUARANTINED, State.FAILED}),
    State.DISCOVERED,
    frozenset({State.DISCOVERED}),
)


def move(
    connection: Connection,
    transition: Transition,
    recording_id: int,
    values: Mapping[str, Any],
    now: datetime,
    batch_id: str | None,
) -> None:
    """Make a transition with `values`; a repetition of it changes nothing.

    With a `batch_id` the recording must be of that batch: a run whose
    recordings were taken over changes nothing any more.

    Raises:
        LedgerConflictError: The recording is elsewhere, or held by another batch.
    """
    changes: dict[str, Any] = {**values, "updated_at": now}
    if transition.target is not None:
        changes["state"] = transition.target
        if transition.target not in IN_WORK:
            changes["lease_until"] = None
    held = [] if batch_id is None else [_COLUMNS.batch_id == batch_id]
    moved = connection.execute(
        update(recordings)
        .where(_COLUMNS.id == recording_id, _COLUMNS.state.in_(list(transition.sources)), *held)
        .values(changes)
    )
    if moved.rowcount == 1:
        return
    row = _row(connection, recording_id)
    if batch_id is not None and row["batch_id"] != batch_id:
        raise LedgerConflictError(
            f"recording {recording_id} is of {row['batch_id']}, not of {batch_id} any more"
        )
    same = all(row[name] == values[name] for name in transition.compare)
    if row["state"] not in transition.done or not same:
        raise LedgerConflictError(
            f"recording {recording_id} is {row['state']}: it cannot be {transition.verb}"
            + ("" if same else " with other values")
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
