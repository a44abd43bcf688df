"""The audit record and its sign-off: canonical JSON under a name made of its own hash.

A record is never edited. Whoever signs names the hash of what was read; another hash
is another record, and the signature does not carry over.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from include.contracts.documents import Form
from include.contracts.errors import ConfigurationError
from include.governance.bias.audit import Audit
from include.governance.bias.clarify import clarify_table
from include.governance.bias.disparity import Status, worst
from include.governance.bias.rows import PERSON, AuditRows
from include.governance.bias.settings import AuditSettings

VERSION = 3


@dataclass(frozen=True, slots=True)
class Section:
    """One set of rows and what was found on it; sets are never mixed.

    Attributes:
        name: `fixed_set`, `production` or `labelled`.
        rows: What was audited; None where there was nothing to audit.
        audit: What was found on it.
        data_from: Begin of the data cut, ISO 8601; empty for a fixed set.
        data_until: End of the data cut, exclusive.
        notes: What a reader must know of these rows, or why there are none.
    """

    name: str
    rows: AuditRows | None
    audit: Audit | None
    data_from: str = ""
    data_until: str = ""
    notes: tuple[str, ...] = ()


class Decision(StrEnum):
    """What a named person decided on a record."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class SignOff:
    """A named person's decision on exactly one record.

    Attributes:
        who: The person's name or account.
        when: ISO 8601 with its offset from UTC.
        decision: A `Decision` value.
        audit_sha256: Hash of the record that was read.
        comment: In the person's words.
    """

    who: str
    when: str
    decision: str
    audit_sha256: str
    comment: str = ""


SIGN_OFF = Form(SignOff)


def audit_record(
    sections: Sequence[Section],
    settings: AuditSettings,
    *,
    model_name: str,
    model_version: str,
    model_sha256: str,
    audited_at: str,
    extraction: Mapping[str, Any] | None = None,
    previous_sha256: str | None = None,
) -> dict[str, Any]:
    """Put together everything that somebody needs to judge, repeat or dispute an audit.

    Args:
        sections: What was found, set by set, and what could not be looked at.
        settings: Thresholds and numbers.
        model_name: Name in the registry.
        model_version: Version in the registry.
        model_sha256: Hash of the model package.
        audited_at: When, ISO 8601 with its offset from UTC.
        extraction: Settings of the extraction in front of the model.
        previous_sha256: Hash of the record that changes refer to.
    """
    audits = [section.audit for section in sections if section.audit is not None]
    record = {
        "kind": "bias-audit",
        "version": VERSION,
        "model": {"name": model_name, "version": model_version, "sha256": model_sha256},
        "audited_at": audited_at,
        "extraction": dict(extraction or {}),
        "settings": asdict(settings),
        "previous_sha256": previous_sha256,
        "sections": [_section(section) for section in sections],
        "verdict": worst([audit.verdict for audit in audits]),
    }
    plain: dict[str, Any] = json.loads(canonical_json(record))
    return plain


def _section(section: Section) -> dict[str, Any]:
    rows, audit = section.rows, section.audit
    return {
        "name": section.name,
        "notes": section.notes,
        "data_cut": {"from": section.data_from, "until": section.data_until},
        "audit_set": None
        if rows is None
        else {
            "sha256": rows.sha256,
            "source": rows.source,
            "attributes": rows.attributes,
            "people": int(rows.frame[PERSON].nunique()),
            "rows": len(rows.frame),
        },
        "results": None if audit is None else asdict(audit),
        "clarify": [] if audit is None else clarify_table(audit.comparisons),
        "verdict": None if audit is None else audit.verdict,
    }


def canonical_json(record: object) -> bytes:
    """Write JSON with sorted keys and no spaces; a value that is not finite becomes null."""
    text = json.dumps(_finite(record), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def record_sha256(record: object) -> str:
    """Return the hex sha256 of a record's canonical JSON."""
    return hashlib.sha256(canonical_json(record)).hexdigest()


def read_record(key: str, content: bytes, sha256: str) -> dict[str, Any]:
    """Read a record and hold it against its hash.

    Raises:
        ConfigurationError: The content is not what was hashed; names its key.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ConfigurationError(
            key, f"the content's sha256 is {digest}: the record was altered; restore the original"
        )
    record: dict[str, Any] = json.loads(content)
    return record


def sign_off(
    record: object, *, who: str, when: datetime, decision: str, audit_sha256: str, comment: str = ""
) -> SignOff:
    """Sign a record.

    Raises:
        ConfigurationError: Nobody is named, the time has no offset, the decision is unknown,
            the hash is not that of the record, or a red audit is accepted without a reason.
    """
    if not who.strip():
        raise ConfigurationError("who", "a sign-off names a person")
    if when.tzinfo is None:
        raise ConfigurationError("when", "the time of a sign-off carries its offset from UTC")
    if decision not in set(Decision):
        raise ConfigurationError("decision", f"{decision!r} is none of {', '.join(Decision)}")
    if audit_sha256 != (actual := record_sha256(record)):
        raise ConfigurationError(
            "audit_sha256",
            f"{audit_sha256} was read but the record is {actual}: read it and sign again",
        )
    red = isinstance(record, Mapping) and record.get("verdict") == Status.RED
    if red and decision == Decision.ACCEPTED and not comment.strip():
        raise ConfigurationError("comment", "who accepts a red audit says why")
    return SignOff(who.strip(), when.isoformat(), Decision(decision).value, actual, comment.strip())


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        # Six digits are more than any interval here is worth, and half the bytes.
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
