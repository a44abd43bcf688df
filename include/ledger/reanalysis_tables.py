"""The table of re-analyses: which published recordings a batch answers once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from include.ledger.models import Batch, Recording, UtcDateTime, metadata


class ReanalysisState(StrEnum):
    """Where one re-analysis stands. The recording's own state is untouched by it."""

    OPEN = "open"
    PUBLISHED = "published"
    LEFT_OUT = "left_out"
    """It cannot be done: what it needs is gone or damaged."""


@dataclass(frozen=True, slots=True)
class Reanalysis:
    """One published recording in a batch of re-analyses."""

    batch_id: str
    recording: Recording
    """As it was published; its state, analysis and result are those of the first analysis."""
    before_key: str
    """Prefix of the result that readers took when the batch was opened."""
    state: ReanalysisState
    why: str
    """Why it is left out, or what held it up last; empty otherwise."""
    analysis_id: str | None
    result_key: str | None
    """Prefix of the new result."""
    in_front_at: datetime | None
    """Since when readers take the new result; None while they take another."""


@dataclass(frozen=True, slots=True)
class PublishedRecording:
    """A published recording, and which models have answered it so far.

    Attributes:
        recording: The newest published version of its name.
        first: The batch that published it first.
        answered: sha256 of every model with a published result.
        left_out: sha256 of every model whose re-analysis was left out.
        front_sha256: Whose result readers take.
        front_key: Prefix of that result.
    """

    recording: Recording
    first: Batch
    answered: frozenset[str]
    left_out: frozenset[str]
    front_sha256: str | None
    front_key: str


reanalyses = Table(
    "reanalyses",
    metadata,
    Column("batch_id", String(120), ForeignKey("batches.batch_id"), primary_key=True),
    Column(
        "recording_id",
        BigInteger().with_variant(Integer, "sqlite"),
        ForeignKey("recordings.id"),
        primary_key=True,
    ),
    Column("before_key", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("why", Text, nullable=False),
    Column("analysis_id", String(64)),
    Column("result_key", Text),
    Column("in_front_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_reanalyses_recording_id", "recording_id"),
)
