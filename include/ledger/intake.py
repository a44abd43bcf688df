"""The two operations of the intake: entering a listing, claiming batches.

Both run in one transaction under the intake lock, so that a process killed in
the middle leaves nothing half done and two of them never interleave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, RowMapping, and_, bindparam, insert, not_, or_, select, update

from include.ledger.models import (
    ATTEMPTS_EXHAUSTED,
    IN_WORK,
    SUPERSEDED,
    LedgerConflictError,
    Observed,
    State,
    batches,
    recordings,
    uri_id,
)

if TYPE_CHECKING:
    from include.settings import DiscoverySettings

_T = TypeVar("_T")
_CHUNK = 500
_COLUMNS = recordings.c


@dataclass(frozen=True, slots=True)
class ObserveSummary:
    """What a listing changed."""

    listed: int
    new: int
    """Rows inserted: new objects, and new versions of objects already taken up."""
    changed: int
    """Discovered rows whose size or version is not what it was."""
    superseded: int
    """Discovered rows given up for another version."""
    gone: int
    """Discovered rows whose object is not listed any longer."""


def observe(connection: Connection, objects: Iterable[Observed], now: datetime) -> ObserveSummary:
    """Enter one complete listing. See `Ledger.observe`."""
    listing = {uri_id(found.uri): found for found in objects}
    known = _known(connection, listing.keys())
    inserts: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    superseded: list[int] = []
    changed = 0
    for identity, found in listing.items():
        rows = known.get(identity, ())
        waiting = [row for row in rows if row["state"] == State.DISCOVERED]
        same = next((row for row in rows if row["version"] == found.version), None)
        if same is not None:
            superseded += [row["id"] for row in waiting if row["id"] != same["id"]]
            if same["state"] == State.DISCOVERED:
                if (same["size_bytes"], same["listed"]) != (found.size_bytes, True):
                    changed += same["size_bytes"] != found.size_bytes
                    updates.append(_seen(same["id"], found, same["attempts"], now))
            elif same["reason_code"] == SUPERSEDED:
                # The former version is back: it is work again.
                changed += 1
                updates.append(_seen(same["id"], found, 0, now))
        elif waiting:
            # One row while it still grows, not one per size it ever had.
            changed += 1
            superseded += [row["id"] for row in waiting[:-1]]
            updates.append(_seen(waiting[-1]["id"], found, 0, now))
        else:
            inserts.append(_new(identity, found, now))
    _give_up(connection, superseded, now)
    if updates:
        connection.execute(
            update(recordings).where(
                _COLUMNS.id == bindparam("row_id"),
                # Not IN: its list cannot be expanded for many rows at once.
                or_(_COLUMNS.state == State.DISCOVERED, _COLUMNS.state == State.FAILED),
            ),
            updates,
        )
    for chunk in _chunks(inserts, _CHUNK):
        connection.execute(insert(recordings), chunk)
    gone = _unlist(connection, listing.keys(), now)
    return ObserveSummary(len(listing), len(inserts), changed, len(superseded), gone)


def _known(connection: Connection, identities: Collection[str]) -> Mapping[str, list[RowMapping]]:
    columns = (
        "id",
        "uri_id",
        "version",
        "size_bytes",
        "state",
        "listed",
        "attempts",
        "reason_code",
    )
    query = (
        select(*(_COLUMNS[name] for name in columns))
        .where(_COLUMNS.uri_id.in_(bindparam("uri_ids", expanding=True)))
        .order_by(_COLUMNS.id)
    )
    known: dict[str, list[RowMapping]] = {}
    for chunk in _chunks(list(identities), _CHUNK):
        for row in connection.execute(query, {"uri_ids": chunk}).mappings():
            known.setdefault(row["uri_id"], []).append(row)
    return known


def _new(identity: str, found: Observed, now: datetime) -> dict[str, Any]:
    return {
        "uri_id": identity,
        "uri": found.uri,
        "key": found.key,
        "version": found.version,
        "size_bytes": found.size_bytes,
        "study": found.study,
        "recording": found.recording,
        "problem": found.problem,
        "state": State.DISCOVERED,
        "listed": True,
        "first_seen_at": now,
        "stable_since": now,
        "updated_at": now,
        "attempts": 0,
    }


def _seen(row_id: int, found: Observed, attempts: int, now: datetime) -> dict[str, Any]:
    return {
        "row_id": row_id,
        "state": State.DISCOVERED,
        "version": found.version,
        "size_bytes": found.size_bytes,
        "problem": found.problem,
        "listed": True,
        "stable_since": now,
        "updated_at": now,
        "attempts": attempts,
        # Another version is other bytes: nothing learned of the old ones holds.
        "video_id": None,
        "extraction_id": None,
        "analysis_id": None,
        "reason_code": None,
        "reason": None,
    }


def _unlist(connection: Connection, listed: Collection[str], now: datetime) -> int:
    """Note which discovered rows the listing no longer holds: they must not be claimed."""
    rows = connection.execute(
        select(_COLUMNS.id, _COLUMNS.uri_id).where(
            _COLUMNS.state == State.DISCOVERED, _COLUMNS.listed
        )
    )
    gone = [row.id for row in rows if row.uri_id not in listed]
    for chunk in _chunks(gone, _CHUNK):
        connection.execute(
            update(recordings).where(_COLUMNS.id.in_(chunk)).values(listed=False, updated_at=now)
        )
    return len(gone)


def claim(
    connection: Connection,
    run_key: str,
    now: datetime,
    settings: DiscoverySettings,
    studies: Collection[str] | None,
) -> list[str]:
    """Open bounded batches for one intake run. See `Ledger.claim`."""
    existing = connection.scalars(
        select(batches.c.batch_id).where(batches.c.run_key == run_key).order_by(batches.c.batch_id)
    ).all()
    if existing:
        return list(existing)
    wanted = settings.max_videos_per_batch * settings.max_batches_per_run
    taken = _dead_claims(connection, now, settings, wanted)
    if len(taken) < wanted:
        taken += _stable(connection, now, settings, studies, wanted - len(taken))
    batch_ids = []
    for number, chunk in enumerate(_chunks(taken, settings.max_videos_per_batch), start=1):
        batch_ids.append(batch_id_of(run_key, now, number))
        connection.execute(
            insert(batches).values(batch_id=batch_ids[-1], run_key=run_key, created_at=now)
        )
        _hold(connection, chunk, batch_ids[-1], now, settings)
    return batch_ids


def batch_id_of(run_key: str, now: datetime, number: int) -> str:
    """Id of a run's batch: letters, digits and hyphens, sorted by time then number."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(run_key.encode()).hexdigest()[:8]
    return f"batch-{stamp}-{digest}-{number:03d}"


def replaced() -> Any:
    """Condition: a newer version of the recording is in the ledger."""
    newer = recordings.alias("newer")
    return (
        select(newer.c.id)
        .where(
            newer.c.uri_id == _COLUMNS.uri_id,
            newer.c.id > _COLUMNS.id,
            newer.c.reason_code.is_distinct_from(SUPERSEDED),
        )
        .correlate(recordings)
        .exists()
    )


def _dead_claims(
    connection: Connection, now: datetime, settings: DiscoverySettings, wanted: int
) -> list[int]:
    """Recordings whose lease ran out; those that cannot be tried again are failed."""
    dead = and_(_COLUMNS.state.in_(IN_WORK), _COLUMNS.lease_until < now)
    exhausted = _COLUMNS.attempts >= settings.max_attempts
    _fail(connection, and_(dead, replaced()), SUPERSEDED, "A newer version took its place.", now)
    _fail(
        connection,
        and_(dead, exhausted),
        ATTEMPTS_EXHAUSTED,
        f"None of {settings.max_attempts} analysis runs finished it; the last one went silent.",
        now,
    )
    return list(
        connection.scalars(
            select(_COLUMNS.id)
            .where(dead)
            .order_by(_COLUMNS.id)
            .limit(wanted)
            .with_for_update(skip_locked=True)
        )
    )


def _stable(
    connection: Connection,
    now: datetime,
    settings: DiscoverySettings,
    studies: Collection[str] | None,
    wanted: int,
) -> list[int]:
    """Discovered recordings that kept size and version long enough, oldest first."""
    query = (
        select(_COLUMNS.id)
        .where(claimable(now, settings))
        .order_by(_COLUMNS.first_seen_at, _COLUMNS.id)
        .limit(wanted)
        .with_for_update(skip_locked=True)
    )
    if studies is not None:
        query = query.where(_COLUMNS.study.in_(sorted(studies)))
    return list(connection.scalars(query))


def claimable(now: datetime, settings: DiscoverySettings) -> Any:
    """Condition: usable, in the latest listing, unchanged for `stable_for_s`."""
    return and_(
        _COLUMNS.state == State.DISCOVERED,
        _COLUMNS.listed,
        _COLUMNS.problem.is_(None),
        _COLUMNS.stable_since <= now - timedelta(seconds=settings.stable_for_s),
    )


def _hold(
    connection: Connection,
    ids: Sequence[int],
    batch_id: str,
    now: datetime,
    settings: DiscoverySettings,
) -> None:
    held = connection.execute(
        update(recordings)
        # The condition is what makes a claim exclusive, whatever the locking above it.
        .where(
            _COLUMNS.id.in_(ids),
            or_(
                _COLUMNS.state == State.DISCOVERED,
                and_(_COLUMNS.state.in_(IN_WORK), _COLUMNS.lease_until < now),
            ),
        )
        .values(
            state=State.CLAIMED,
            batch_id=batch_id,
            lease_until=now + timedelta(seconds=settings.lease_s),
            attempts=_COLUMNS.attempts + 1,
            reason_code=None,
            reason=None,
            updated_at=now,
        )
    )
    if held.rowcount != len(ids):
        raise LedgerConflictError(
            f"{len(ids) - held.rowcount} recording(s) of {batch_id} were taken"
        )


def _give_up(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    for chunk in _chunks(ids, _CHUNK):
        _fail(
            connection, _COLUMNS.id.in_(chunk), SUPERSEDED, "Another version took its place.", now
        )


def _fail(connection: Connection, where: Any, code: str, reason: str, now: datetime) -> None:
    connection.execute(
        update(recordings)
        .where(where, not_(_COLUMNS.state == State.FAILED))
        .values(
            state=State.FAILED, reason_code=code, reason=reason, lease_until=None, updated_at=now
        )
    )


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
