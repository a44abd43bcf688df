"""Tables of the ledger and the frozen rows that the rest of the platform sees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from include.contracts.errors import PlatformError
from include.contracts.identity import ID_LENGTH, stable_hash

HEAD_REVISION = "0005"
"""Newest migration; a test compares it with the migrations folder."""


class State(StrEnum):
    """Where one version of a recording stands."""

    DISCOVERED = "discovered"
    CLAIMED = "claimed"
    EXTRACTED = "extracted"
    TRANSFORMED = "transformed"
    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    FAILED = "failed"


IN_WORK = (State.CLAIMED, State.EXTRACTED, State.TRANSFORMED)
"""States of a recording that a batch holds under a lease."""
FINAL = (State.PUBLISHED, State.QUARANTINED, State.FAILED)

SUPERSEDED = "superseded"
"""Reason code of a failed row: a newer version took the recording's place."""
ATTEMPTS_EXHAUSTED = "attempts_exhausted"
"""Reason code of a failed row: as many analysis runs as allowed did not finish it."""


class JobStatus(StrEnum):
    """Where a transform job stands. All but RECORDED are terminal."""

    RECORDED = "recorded"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


class LedgerConflictError(PlatformError):
    """The change contradicts what the ledger holds: someone else has the row, or a defect."""


class Observed(Protocol):
    """What the ledger needs of a listed object (the lake's `IncomingObject`)."""

    @property
    def key(self) -> str:
        """Key in the lake."""

    @property
    def uri(self) -> str:
        """Absolute; identifies the object."""

    @property
    def study(self) -> str:
        """Study the object belongs to."""

    @property
    def recording(self) -> str:
        """Name of the recording in its study."""

    @property
    def size_bytes(self) -> int:
        """Size now."""

    @property
    def version(self) -> str:
        """Changes with the content."""

    @property
    def problem(self) -> str | None:
        """Why no stage may read the object; None when it is usable."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One version of one object under `incoming/`."""

    id: int
    uri: str
    key: str
    version: str
    size_bytes: int
    study: str
    recording: str
    problem: str | None
    """Why no stage may read the object; None when it is usable."""
    state: State
    first_seen_at: datetime
    stable_since: datetime
    """Since when size and version are as they are."""
    batch_id: str | None
    """The batch that holds the recording, or held it last."""
    lease_until: datetime | None
    attempts: int
    """Analysis runs started."""
    video_id: str | None
    extraction_id: str | None
    analysis_id: str | None
    reason_code: str | None
    reason: str | None
    result_key: str | None
    """Key of the published manifest, or of the reason file in quarantine."""

    @property
    def object_id(self) -> str:
        """Identity of (uri, version), for keys about this very object."""
        return stable_hash({"uri": self.uri, "version": self.version})


@dataclass(frozen=True, slots=True)
class Batch:
    """What one analysis run works on; the model is pinned at its opening."""

    batch_id: str
    run_key: str
    created_at: datetime
    model_name: str | None
    model_version: str | None
    package_uri: str | None
    model_sha256: str | None


@dataclass(frozen=True, slots=True)
class TransformJob:
    """One inference job. Names are unique for ever."""

    name: str
    batch_id: str
    generation: int
    spec_hash: str
    shards: tuple[str, ...]
    status: JobStatus
    created_at: datetime
    ended_at: datetime | None
    failure_reason: str | None


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python on both databases; SQLite itself forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        """To the database.

        Raises:
            ValueError: The value has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger takes aware datetimes only")
        return value.astimezone(UTC)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def uri_id(uri: str) -> str:
    """Index key of a URI: S3 keys may be longer than a PostgreSQL index entry."""
    return hashlib.sha256(uri.encode()).hexdigest()[:ID_LENGTH]


metadata = MetaData()

batches = Table(
    "batches",
    metadata,
    Column("batch_id", String(120), primary_key=True),
    Column("run_key", Text, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("model_name", Text),
    Column("model_version", Text),
    Column("package_uri", Text),
    Column("model_sha256", String(64)),
)

recordings = Table(
    "recordings",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("uri_id", String(ID_LENGTH), nullable=False),
    Column("uri", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("version", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("study", Text, nullable=False),
    Column("recording", Text, nullable=False),
    Column("problem", Text),
    Column("state", String(16), nullable=False),
    # Whether the latest listing held the object; kept up for discovered rows only.
    Column("listed", Boolean, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("stable_since", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("batch_id", String(120), ForeignKey("batches.batch_id")),
    Column("lease_until", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("video_id", String(64)),
    Column("extraction_id", String(64)),
    Column("analysis_id", String(64)),
    Column("reason_code", String(64)),
    Column("reason", Text),
    Column("result_key", Text),
    UniqueConstraint("uri_id", "version", name="uq_recordings_uri_version"),
    Index("ix_recordings_state", "state", "lease_until"),
    # The queue in its order, and nothing else: most of a large ledger is finished.
    Index(
        "ix_recordings_waiting",
        "first_seen_at",
        "id",
        postgresql_where=text("state = 'discovered'"),
        sqlite_where=text("state = 'discovered'"),
    ),
    Index("ix_recordings_study_state", "study", "state"),
    Index("ix_recordings_batch_id", "batch_id"),
    Index("ix_recordings_video_id", "video_id"),
)

transform_jobs = Table(
    "transform_jobs",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("batch_id", String(120), ForeignKey("batches.batch_id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("spec_hash", String(64), nullable=False),
    Column("shards", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("failure_reason", Text),
    UniqueConstraint("batch_id", "generation", name="uq_transform_jobs_generation"),
)
