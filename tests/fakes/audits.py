"""Bias audits that say no more than whose they are and how they ended."""

from __future__ import annotations

from datetime import UTC, datetime

from include.governance.bias.disparity import Status
from include.governance.bias.record import AuditedModel, AuditRecord, SealedRecord, sealed
from include.governance.bias.settings import AuditSettings

_NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)


def audit_of(model_sha256: str, verdict: str, *, at: datetime = _NOW) -> SealedRecord:
    """An audit of a package with a verdict and no section."""
    return sealed(
        AuditRecord(
            model=AuditedModel("fex", "7", model_sha256),
            audited_at=at.isoformat(),
            extraction={},
            settings=AuditSettings(),
            previous_sha256=None,
            sections=(),
            verdict=Status(verdict),
        )
    )
