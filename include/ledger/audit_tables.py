"""Tables of the audit log: who looked, who decided, who changed what readers get."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from include.ledger.models import UtcDateTime, metadata

GENESIS = "0" * 64
"""What stands before the first entry."""


class Deed(StrEnum):
    """What is written down."""

    LOOK = "look"
    """Somebody was shown a face."""
    REQUEUE = "requeue"
    APPROVAL = "approval"
    """A model was approved or rejected, or rolled back: what answers from now on."""
    SIGN_OFF = "sign-off"
    ERASURE = "erasure"
    CURRENT = "current"
    """Readers get another result of a recording than before."""
    SETTINGS = "settings"
    """The platform started with other settings than before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. Its hash is over all of it, the hash of the entry before included."""

    number: int
    """From 1, without gaps."""
    at: datetime
    """Aware, UTC."""
    who: str
    """User name, or what of the platform acted."""
    deed: str
    what: str
    detail: str
    """Canonical JSON of an object."""
    previous: str
    hash: str

    def expected_hash(self) -> str:
        """Return the hash that belongs to what the entry says."""
        return entry_hash(
            self.number, self.at, self.who, self.deed, self.what, self.detail, self.previous
        )


def canonical(detail: Mapping[str, Any]) -> str:
    """Return the one text of an object that is hashed and kept.

    Raises:
        ValueError: It holds what JSON does not have, such as infinity.
    """
    return json.dumps(
        detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def entry_hash(
    number: int, at: datetime, who: str, deed: str, what: str, detail: str, previous: str
) -> str:
    """Return the SHA-256 (hex) of an entry: JSON of a list, so that no two entries read alike."""
    when = at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [number, when, who, deed, what, detail, previous]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()


_NUMBER = BigInteger().with_variant(Integer, "sqlite")

audit_log = Table(
    "audit_log",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("deed", String(16), nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # Of the deed itself: a task that is repeated writes it once. No part of the chain.
    Column("once", String(64), unique=True),
    Index("ix_audit_log_deed", "deed", "number"),
)

audit_log_end = Table(
    "audit_log_end",
    metadata,
    # One row: without it, entries taken from the end would not be missed.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
