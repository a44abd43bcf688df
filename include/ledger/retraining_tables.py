"""Tables of retraining: who asked for it, what became of it, and the jobs that trained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from include.ledger.models import JobStatus, UtcDateTime, metadata


class RequestState(StrEnum):
    """Where a request stands."""

    REFUSED = "refused"
    """Recorded, and nothing was started: cool-down, daily cap, or a run under way."""
    ACCEPTED = "accepted"
    """A run may start."""
    RUNNING = "running"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    """A gate, a person or the time-out said no: the champion stays."""
    FAILED = "failed"
    """The run broke: the champion stays."""


OPEN = (RequestState.ACCEPTED, RequestState.RUNNING)
ENDED = (RequestState.PROMOTED, RequestState.REJECTED, RequestState.FAILED)
STARTED = (*OPEN, *ENDED)
"""States of requests that were accepted."""


@dataclass(frozen=True, slots=True)
class RetrainingRequest:
    """One time somebody, or something, asked for a retraining."""

    request_id: str
    reason: str
    """degraded, red_audit, labels or manual."""
    evidence: str
    """Lake key of the report that asks; empty when there is none."""
    recipe: str
    asked_by: str
    asked_at: datetime
    state: RequestState
    why: str
    """Why it was refused, rejected or failed; empty before."""
    run_id: str | None
    """Airflow run that works on it; None for a refused one."""
    lease_until: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One training job. Names are unique for ever."""

    name: str
    request_id: str
    generation: int
    spec_hash: str
    status: JobStatus
    created_at: datetime
    ended_at: datetime | None
    failure_reason: str | None


retraining_requests = Table(
    "retraining_requests",
    metadata,
    Column("request_id", String(32), primary_key=True),
    Column("reason", String(16), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("run_id", String(250)),
    Column("lease_until", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("run_id", name="uq_retraining_requests_run_id"),
    Index("ix_retraining_requests_state", "state", "asked_at"),
)

training_jobs = Table(
    "training_jobs",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("request_id", String(32), ForeignKey("retraining_requests.request_id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("spec_hash", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("failure_reason", Text),
    UniqueConstraint("request_id", "generation", name="uq_training_jobs_generation"),
)
