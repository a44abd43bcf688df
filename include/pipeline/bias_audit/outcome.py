"""What one task of the audit hands to the next."""

from __future__ import annotations

from dataclasses import dataclass

from include.governance.bias.disparity import Status


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """An audit that was kept.

    Attributes:
        audit_sha256: Hash of the record: what is signed.
        verdict: The worst of its panels.
        model_version: Version in the registry.
        champion: Whether it is the model in use.
        record: Lake key.
        report: Lake key of the page.
        body: What people read before they sign, Markdown.
    """

    audit_sha256: str
    verdict: Status
    model_version: str
    champion: bool
    record: str
    report: str
    body: str


@dataclass(frozen=True, slots=True)
class SignOffOutcome:
    """The decision that holds for an audit and who made it; both None when nobody did."""

    audit_sha256: str
    decision: str | None
    who: str | None
