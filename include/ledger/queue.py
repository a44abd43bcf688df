"""How long the queue is and how old: the ledger as those see it who watch the platform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, exists, func, or_, select

from include.ledger.intake import claimable
from include.ledger.models import IN_WORK, State, batches, recordings

if TYPE_CHECKING:
    from include.settings import DiscoverySettings

_COLUMNS = recordings.c


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue at one moment."""

    waiting: int
    """Recordings that nobody works on yet: to be claimed, or of a batch whose run has not begun."""
    oldest_since: datetime | None
    """Since when the longest-waiting of them is complete (an upload in progress waits for
    itself, not for us); None when none waits."""
    in_work: int
    """Recordings of batches whose run has begun."""
    overdue: int
    """Recordings that a batch holds although its lease has ended."""


def read(connection: Connection, now: datetime, settings: DiscoverySettings) -> Queue:
    """See `Ledger.queue`."""
    held = _COLUMNS.state.in_(IN_WORK)
    # The first task of a run pins the model, so a batch without one has not begun.
    begun = exists().where(
        batches.c.batch_id == _COLUMNS.batch_id, batches.c.model_sha256.is_not(None)
    )
    waits = or_(claimable(now, settings), and_(_COLUMNS.state == State.CLAIMED, ~begun))
    waiting, oldest_since = connection.execute(
        select(func.count(), func.min(_COLUMNS.stable_since)).where(waits)
    ).one()
    count = select(func.count()).select_from(recordings)
    return Queue(
        waiting=waiting,
        oldest_since=oldest_since,
        in_work=connection.scalar(count.where(held, begun)) or 0,
        overdue=connection.scalar(count.where(held, _COLUMNS.lease_until <= now)) or 0,
    )
