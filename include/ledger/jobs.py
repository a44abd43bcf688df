"""Transform jobs in the ledger: the name is stored before the job is created."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from include.ledger.models import JobStatus, LedgerConflictError, TransformJob, transform_jobs

_COLUMNS = transform_jobs.c


def find(connection: Connection, name: str) -> TransformJob | None:
    """The job of that name."""
    found = _read(connection, _COLUMNS.name == name)
    return found[0] if found else None


def of_batch(connection: Connection, batch_id: str) -> list[TransformJob]:
    """Jobs of a batch by rising generation."""
    return _read(connection, _COLUMNS.batch_id == batch_id)


def record(
    connection: Connection,
    name: str,
    batch_id: str,
    generation: int,
    spec_hash: str,
    shards: Sequence[str],
    now: datetime,
) -> TransformJob:
    """Store a job. See `Ledger.record_job`."""
    existing = find(connection, name)
    if existing is not None:
        wanted = (batch_id, generation, spec_hash)
        if (existing.batch_id, existing.generation, existing.spec_hash) != wanted:
            raise LedgerConflictError(f"the job name {name!r} belongs to another specification")
        return existing
    earlier = of_batch(connection, batch_id)
    if generation != len(earlier):
        raise LedgerConflictError(
            f"{batch_id} has {len(earlier)} job(s): the next generation is {len(earlier)}, "
            f"not {generation}"
        )
    if earlier and earlier[-1].status not in (JobStatus.FAILED, JobStatus.STOPPED):
        raise LedgerConflictError(
            f"generation {generation} of {batch_id} needs a recorded failure of "
            f"{earlier[-1].name!r}, which is {earlier[-1].status}"
        )
    connection.execute(
        insert(transform_jobs).values(
            name=name,
            batch_id=batch_id,
            generation=generation,
            spec_hash=spec_hash,
            shards=list(shards),
            status=JobStatus.RECORDED,
            created_at=now,
        )
    )
    return TransformJob(
        name, batch_id, generation, spec_hash, tuple(shards), JobStatus.RECORDED, now, None, None
    )


def close(
    connection: Connection,
    name: str,
    status: JobStatus,
    failure_reason: str | None,
    now: datetime,
) -> TransformJob:
    """Record how a job ended. See `Ledger.close_job`."""
    if status is JobStatus.RECORDED:
        raise ValueError("a job is closed with a terminal status")
    connection.execute(
        update(transform_jobs)
        .where(_COLUMNS.name == name, _COLUMNS.status == JobStatus.RECORDED)
        .values(status=status, failure_reason=failure_reason, ended_at=now)
    )
    job = find(connection, name)
    if job is None:
        raise LedgerConflictError(f"there is no job {name!r}")
    if job.status is not status:
        raise LedgerConflictError(
            f"the job {name!r} ended {job.status}, it cannot end {status} as well"
        )
    return job


def _read(connection: Connection, where: object) -> list[TransformJob]:
    rows = connection.execute(
        select(transform_jobs).where(where).order_by(_COLUMNS.generation)  # type: ignore[arg-type]
    ).mappings()
    return [
        TransformJob(**{**row, "shards": tuple(row["shards"]), "status": JobStatus(row["status"])})
        for row in rows
    ]
