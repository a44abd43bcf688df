"""What a restored ledger must be told: its originals lie where they lay, as other versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Engine, select

from include.ledger.engine import writing
from include.ledger.models import recordings


def places_of(engine: Engine) -> set[tuple[str, str]]:
    """Return study and name of every recording that the ledger knows."""
    with engine.connect() as connection:
        found = connection.execute(select(recordings.c.study, recordings.c.recording).distinct())
        return {(row.study, row.recording) for row in found}


def rebind(engine: Engine, versions: Iterable[tuple[str, str, str]]) -> int:
    """Have rows mean the restored originals, which would otherwise be taken for new uploads.

    A file's version holds its inode, a bucket's object gets another one with each upload.

    Args:
        engine: The ledger's.
        versions: Key, version at the time of the backup, version now.

    Returns:
        How many rows were changed.
    """
    changed = 0
    with writing(engine) as connection:
        for key, before, now in versions:
            if before != now:
                of = (recordings.c.key == key) & (recordings.c.version == before)
                found = connection.execute(recordings.update().where(of).values(version=now))
                changed += found.rowcount
    return changed


def end_leases(engine: Engine, places: Collection[tuple[str, str]], now: datetime) -> None:
    """End the claims on recordings whose workers are gone, so that they can be erased.

    Args:
        engine: The ledger's.
        places: Study and name of each.
        now: The time, with its zone.
    """
    with writing(engine) as connection:
        for study, name in sorted(places):
            of = (recordings.c.study == study) & (recordings.c.recording == name)
            held = of & (recordings.c.lease_until > now)
            connection.execute(recordings.update().where(held).values(lease_until=now))
