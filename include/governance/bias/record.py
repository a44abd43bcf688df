"""The audit record and its sign-off: canonical JSON under a name made of its own hash.

A record is never edited. Whoever signs names the hash of what was read; another hash
is another record, and the signature does not carry over.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from include.contracts.errors import ConfigurationError
from include.governance.bias.audit import Audit
from include.governance.bias.clarify import clarify_table
from include.governance.bias.rows import PERSON, AuditRows
from include.governance.bias.settings import AuditSettings

VERSION = 1


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


def audit_record(
    audit: Audit,
    rows: AuditRows,
    settings: AuditSettings,
    *,
    model_version: str,
    model_sha256: str,
    data_from: str,
    data_until: str,
    previous_sha256: str | None = None,
) -> dict[str, Any]:
    """Put together everything that somebody needs to judge, repeat or dispute an audit.

    Args:
        audit: What was found.
        rows: What it was found on.
        settings: Thresholds and numbers.
        model_version: Version in the registry.
        model_sha256: Hash of the model package.
        data_from: Begin of the data cut, ISO 8601.
        data_until: End of the data cut, exclusive.
        previous_sha256: Hash of the record that changes refer to.
    """
    record = {
        "kind": "bias-audit",
        "version": VERSION,
        "audit_set": {
            "sha256": rows.sha256,
            "source": rows.source,
            "attributes": rows.attributes,
            "people": int(rows.frame[PERSON].nunique()),
            "rows": len(rows.frame),
        },
        "model": {"version": model_version, "sha256": model_sha256},
        "data_cut": {"from": data_from, "until": data_until},
        "settings": asdict(settings),
        "previous_sha256": previous_sha256,
        "results": asdict(audit),
        "clarify": clarify_table(audit.comparisons),
        "verdict": audit.verdict,
    }
    plain: dict[str, Any] = json.loads(canonical_json(record))
    return plain


def canonical_json(record: object) -> bytes:
    """Write JSON with sorted keys and no spaces; a value that is not finite becomes null."""
    text = json.dumps(_finite(record), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def record_sha256(record: object) -> str:
    """Return the hex sha256 of a record's canonical JSON."""
    return hashlib.sha256(canonical_json(record)).hexdigest()


def record_name(record: object) -> str:
    """Return the file name of a record: made of its content, hence never overwritten."""
    return f"bias-audit-{record_sha256(record)}.json"


def read_record(name: str, content: bytes) -> dict[str, Any]:
    """Read a record and hold it against its name.

    Raises:
        ConfigurationError: The content is not what the name says.
    """
    digest = hashlib.sha256(content).hexdigest()
    if name != f"bias-audit-{digest}.json":
        raise ConfigurationError(
            name, f"the content's sha256 is {digest}: the record was altered; restore the original"
        )
    record: dict[str, Any] = json.loads(content)
    return record


def sign_off(
    record: object, *, who: str, when: datetime, decision: str, audit_sha256: str, comment: str = ""
) -> SignOff:
    """Sign a record.

    Raises:
        ConfigurationError: Nobody is named, the time has no offset, the decision is unknown, or
            the hash is not that of the record.
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
    return SignOff(who.strip(), when.isoformat(), Decision(decision).value, actual, comment)


def model_metrics_bias(uri: str, sha256: str) -> dict[str, Any]:
    """Return `ModelMetrics` of SageMaker's `CreateModelPackage` that points at a record."""
    report = {
        "ContentType": "application/json",
        "ContentDigest": f"sha256:{sha256}",
        "S3Uri": uri,
    }
    return {"Bias": {"Report": report}}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
