"""The audit log: an append-only chain, in which each entry holds the hash of the one before.

Writers take turns (a lock of the database), so that the chain has one order whoever writes.
What was changed, removed or moved shows in `verify`; entries taken from the end show against
the end that is kept beside the chain, and, where somebody changed that too, against hashes
that were written down elsewhere before (`include.pipeline.audit_log` keeps them in the lake).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from include.ledger.audit_tables import (
    GENESIS,
    Deed,
    Entry,
    audit_log,
    audit_log_end,
    canonical,
    entry_hash,
)
from include.ledger.engine import audit_lock

_C = audit_log.c
_COLUMNS = (_C.number, _C.at, _C.who, _C.deed, _C.what, _C.detail, _C.previous, _C.hash)
_END = 1
_ROWS_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    entries: int
    last_hash: str
    """Of the last entry; `GENESIS` where there is none."""
    faults: tuple[str, ...]
    """What is wrong, for people; empty when the chain holds."""


class AuditLog:
    """Who looked at what, who decided what."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def append(
        self,
        deed: Deed,
        *,
        who: str,
        what: str,
        detail: Mapping[str, Any] | None = None,
        once: str | None = None,
    ) -> Entry:
        """Write one entry.

        Args:
            deed: What kind it is.
            who: User name, or what of the platform acted.
            what: What it was done to.
            detail: More of it; no secret, and no name of a respondent or of a recording:
                entries outlive an erasure.
            once: Identity of the deed where it may be reported twice; the second time the
                first entry is returned and nothing is written.

        Raises:
            ValueError: `who` is empty, or the detail holds what JSON does not have.
        """
        if not who.strip():
            raise ValueError("an entry of the audit log names who did it")
        text = canonical(detail or {})
        key = None if once is None else hashlib.sha256(f"{deed}/{once}".encode()).hexdigest()
        with audit_lock(self._engine) as connection:
            if key is not None and (known := _first(connection, _C.once == key)):
                return known
            last = connection.execute(
                select(_C.number, _C.hash).order_by(_C.number.desc()).limit(1)
            ).first()
            number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
            at = self._clock()
            entry = Entry(
                number=number,
                at=at,
                who=who,
                deed=str(deed),
                what=what,
                detail=text,
                previous=previous,
                hash=entry_hash(number, at, who, str(deed), what, text, previous),
            )
            connection.execute(insert(audit_log).values(once=key, **_values(entry)))
            _keep_end(connection, entry)
        return entry

    def entries(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        deed: str | None = None,
        who: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[Entry]:
        """Yield entries by number.

        Args:
            after: Only those with a greater number.
            limit: At most so many.
            deed: Only of this kind.
            who: Only by this user.
            newest_first: From the last one backwards.
        """
        query = select(*_COLUMNS).where(_C.number > after)
        if deed is not None:
            query = query.where(_C.deed == deed)
        if who is not None:
            query = query.where(_C.who == who)
        query = query.order_by(_C.number.desc() if newest_first else _C.number).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query)
            for row in rows.mappings():
                yield _entry(row)

    def last(self, deed: Deed) -> Entry | None:
        """Return the newest entry of a kind."""
        return next(self.entries(deed=str(deed), limit=1, newest_first=True), None)

    def verify(self, written_down: Mapping[int, str] | None = None) -> Verdict:
        """Go through the whole chain.

        Args:
            written_down: Hashes by number that were written down elsewhere before.

        Returns:
            Every fault: an entry that does not say what its hash says, one that does not
            follow the one before, a number that is missing, an end that is not the one that
            was kept, a hash that is not the one written down.
        """
        faults: list[str] = []
        number, previous = 0, GENESIS
        left = dict(written_down or {})
        for entry in self.entries():
            if entry.number != number + 1:
                missing = f"{number + 1}" + (
                    f" to {entry.number - 1}" if entry.number - 1 > number + 1 else ""
                )
                faults.append(f"missing: {missing}")
            if entry.hash != entry.expected_hash():
                faults.append(f"changed: {entry.number} does not say what its hash says")
            if entry.previous != previous:
                faults.append(f"broken: {entry.number} does not follow the entry before it")
            if left.pop(entry.number, entry.hash) != entry.hash:
                faults.append(f"rewritten: {entry.number} has not the hash written down for it")
            number, previous = entry.number, entry.hash
        faults += [f"missing: {lost}, of which a hash was written down" for lost in sorted(left)]
        with self._engine.connect() as connection:
            end = connection.execute(select(audit_log_end)).first()
        kept = (end.number, end.hash) if end else (0, GENESIS)
        if kept != (number, previous):
            faults.append(f"the end is {number}, and was {kept[0]} when the last entry was written")
        return Verdict(entries=number, last_hash=previous, faults=tuple(faults))


def _values(entry: Entry) -> dict[str, Any]:
    return {column.name: getattr(entry, column.name) for column in _COLUMNS}


def _entry(row: RowMapping) -> Entry:
    return Entry(**row)


def _first(connection: Connection, condition: Any) -> Entry | None:
    row = connection.execute(select(*_COLUMNS).where(condition)).mappings().first()
    return None if row is None else _entry(row)


def _keep_end(connection: Connection, entry: Entry) -> None:
    end = {"number": entry.number, "hash": entry.hash}
    changed = connection.execute(
        update(audit_log_end).where(audit_log_end.c.id == _END).values(**end)
    )
    if not changed.rowcount:
        connection.execute(insert(audit_log_end).values(id=_END, **end))
