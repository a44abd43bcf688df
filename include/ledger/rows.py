"""Columns of the frozen rows, and rows out of what a statement found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from include.ledger.models import Batch, Recording, State, batches, recordings

_CHUNK = 500

RECORDING = [recordings.c[field.name] for field in fields(Recording)]
"""Columns of a `Recording`, in its order."""
BATCH = [batches.c[field.name] for field in fields(Batch)]
"""Columns of a `Batch`, in its order."""


def recording_of(row: RowMapping) -> Recording:
    """Read a `Recording` from a row that holds its columns, among others or alone."""
    values = {field.name: row[field.name] for field in fields(Recording)}
    return Recording(**{**values, "state": State(values["state"])})


def batch_where(connection: Connection, condition: ColumnElement[bool]) -> Batch | None:
    """Return the one batch of which the condition holds, if there is one."""
    row = connection.execute(select(*BATCH).where(condition)).mappings().first()
    return None if row is None else Batch(**row)


def chunks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut ids into as many as one statement takes."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
