"""Jobs in the ledger, of either kind: the name is stored before the job is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, RowMapping, Table, insert, select, update

from include.ledger.models import JobStatus, LedgerConflictError, TransformJob, transform_jobs


class Job(Protocol):
    """What the rows of all kinds have."""

    @property
    def name(self) -> str:
        """Unique for ever."""

    @property
    def generation(self) -> int:
        """0, 1, 2, ... of what the job serves."""

    @property
    def spec_hash(self) -> str:
        """Identity of what is asked of it."""

    @property
    def status(self) -> JobStatus:
        """Where it stands."""


_Job = TypeVar("_Job", bound=Job)


@dataclass(frozen=True, slots=True)
class JobTable(Generic[_Job]):
    """The jobs of one kind.

    Attributes:
        table: Has name, generation, spec_hash, status, created_at, ended_at, failure_reason.
        owner: Its column that says what a job serves.
        read: Makes the frozen row.
    """

    table: Table
    owner: str
    read: Callable[[RowMapping], _Job]

    def find(self, connection: Connection, name: str) -> _Job | None:
        """The job of that name."""
        found = self._select(connection, "name", name)
        return found[0] if found else None

    def of(self, connection: Connection, owner: str) -> list[_Job]:
        """Jobs of a batch or request by rising generation."""
        return self._select(connection, self.owner, owner)

    def record(self, connection: Connection, values: Mapping[str, Any], now: datetime) -> _Job:
        """Store a job; the same job again is a no-op.

        Args:
            connection: In a transaction.
            values: Name, owner, generation, spec_hash, and the columns of the kind alone.
            now: When.

        Raises:
            LedgerConflictError: The name has another specification, or the generation may not rise.
        """
        name, owner, generation = values["name"], values[self.owner], values["generation"]
        earlier = self.of(connection, owner)
        existing = self.find(connection, name)
        if existing is not None:
            same = (existing.generation, existing.spec_hash) == (generation, values["spec_hash"])
            if existing not in earlier or not same:
                raise LedgerConflictError(f"the job name {name!r} belongs to another specification")
            return existing
        if generation != len(earlier):
            raise LedgerConflictError(
                f"{owner} has {len(earlier)} job(s): the next generation is {len(earlier)}, "
                f"not {generation}"
            )
        if earlier and earlier[-1].status not in (JobStatus.FAILED, JobStatus.STOPPED):
            raise LedgerConflictError(
                f"generation {generation} of {owner} needs a recorded failure of "
                f"{earlier[-1].name!r}, which is {earlier[-1].status}"
            )
        connection.execute(
            insert(self.table).values(**values, status=JobStatus.RECORDED, created_at=now)
        )
        return self._existing(connection, name)

    def close(
        self,
        connection: Connection,
        name: str,
        status: JobStatus,
        failure_reason: str | None,
        now: datetime,
    ) -> _Job:
        """Record how a job ended; the same end again is a no-op.

        Raises:
            LedgerConflictError: There is no such job, or it ended otherwise.
            ValueError: The status is not terminal.
        """
        if status is JobStatus.RECORDED:
            raise ValueError("a job is closed with a terminal status")
        columns = self.table.c
        connection.execute(
            update(self.table)
            .where(columns.name == name, columns.status == JobStatus.RECORDED)
            .values(status=status, failure_reason=failure_reason, ended_at=now)
        )
        job = self._existing(connection, name)
        if job.status is not status:
            raise LedgerConflictError(
                f"the job {name!r} ended {job.status}, it cannot end {status} as well"
            )
        return job

    def _existing(self, connection: Connection, name: str) -> _Job:
        job = self.find(connection, name)
        if job is None:
            raise LedgerConflictError(f"there is no job {name!r}")
        return job

    def _select(self, connection: Connection, column: str, value: str) -> list[_Job]:
        columns = self.table.c
        query = select(self.table).where(columns[column] == value).order_by(columns.generation)
        return [self.read(row) for row in connection.execute(query).mappings()]


def _transform_job(row: RowMapping) -> TransformJob:
    return TransformJob(
        **{**row, "shards": tuple(row["shards"]), "status": JobStatus(row["status"])}
    )


TRANSFORM_JOBS = JobTable(transform_jobs, "batch_id", _transform_job)
