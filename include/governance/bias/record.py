"""The audit record and its sign-off: a typed document whose bytes are canonical and hashed.

A record is never edited. Whoever signs names the hash of what was read; another hash
is another record, and the signature does not carry over. The hash is that of the bytes as they
lie in the lake: what was read from them, brought up to date, would be written otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from include.contracts.documents import Content, Form
from include.contracts.errors import ConfigurationError
from include.governance.bias.audit import EVERYONE, Audit
from include.governance.bias.clarify import ClarifyLine, clarify_table
from include.governance.bias.disparity import Status, worst
from include.governance.bias.rows import PERSON, AuditRows, Source
from include.governance.bias.settings import AuditSettings


class DataCut(msgspec.Struct, frozen=True, rename={"since": "from"}):
    """Between which times rows were published, ISO 8601.

    Attributes:
        since: Begin; records say `from`, which no attribute can be called.
        until: End, exclusive.
    """

    since: str
    until: str


NOT_CUT = DataCut("", "")
"""Of rows that are not chosen by time."""


@dataclass(frozen=True, slots=True)
class AuditedRows:
    """What was audited, without anything of a person.

    Attributes:
        sha256: Hash of the people, their groups and true labels.
        source: Where the groups come from.
        attributes: What groups people.
        people: How many there are.
        rows: Their rows.
    """

    sha256: str
    source: Source
    attributes: tuple[str, ...]
    people: int
    rows: int


@dataclass(frozen=True, slots=True)
class Section:
    """One set of rows and what was found on it; sets are never mixed.

    Attributes:
        name: `fixed_set`, `production` or `labelled`.
        notes: What a reader must know of these rows, or why there are none.
        data_cut: When they were published.
        audit_set: The rows; None where there was nothing to audit.
        results: What was found on them; None with the rows.
        clarify: The same under the names of Clarify.
        verdict: The worst of its panels; None with the rows.
    """

    name: str
    notes: tuple[str, ...]
    data_cut: DataCut
    audit_set: AuditedRows | None
    results: Audit | None
    clarify: tuple[ClarifyLine, ...]
    verdict: Status | None


@dataclass(frozen=True, slots=True)
class AuditedModel:
    """Whose answers were audited: name and version in the registry, hash of the package."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Everything that somebody needs to judge, repeat or dispute an audit.

    Attributes:
        model: The package.
        audited_at: When, ISO 8601 with its offset from UTC.
        extraction: Settings of the extraction in front of the model, as they were called then.
        settings: Thresholds and numbers.
        previous_sha256: Hash of the record that changes refer to.
        sections: What was found, set by set, and what could not be looked at.
        verdict: The worst of the sections.
        kind: What this file is, for whoever finds it alone.
    """

    model: AuditedModel
    audited_at: str
    extraction: Mapping[str, object]
    settings: AuditSettings
    previous_sha256: str | None
    sections: tuple[Section, ...]
    verdict: Status
    kind: Literal["bias-audit"] = "bias-audit"


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A record with the bytes that are hashed, signed and kept.

    Attributes:
        content: Canonical JSON.
        record: What it says.
    """

    content: bytes
    record: AuditRecord

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes: the record's name, and what is signed."""
        return hashlib.sha256(self.content).hexdigest()


def _with_n(content: Content) -> Content:
    """Say how many people each estimate of a record of version 2 rests on.

    A group's are those counted below the line of its figure. Everybody else's are the others of
    all who were counted; in a mean of shares that is near to their number, elsewhere it is it.
    """
    for section in content["sections"]:
        results = section["results"] or {"figures": [], "comparisons": []}
        counted: dict[tuple[str, tuple[str, ...]], float] = {}
        for figure in results["figures"]:
            counted[figure["metric"], tuple(figure["group"])] = figure["counted"]
            for name in ("result", "change"):
                if figure[name] is not None:
                    figure[name]["n"] = int(figure["counted"])
        for item in results["comparisons"]:
            own = counted[item["metric"], tuple(item["group"])]
            fewest = int(min(own, counted[item["metric"], EVERYONE] - own))
            item["gap"]["n"] = item["ratio"]["n"] = fewest
            item["to_geometric_mean"]["n"] = int(own)
    return content


RECORD = Form(AuditRecord, schema=3, upgrades={2: _with_n}, undefined=True, number="version")
"""How a record is read; `sealed` writes it."""


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


def section_of(
    name: str,
    rows: AuditRows | None,
    found: Audit | None,
    data_cut: DataCut = NOT_CUT,
    notes: Sequence[str] = (),
) -> Section:
    """Put together what is kept of one set: counts of its rows and what was found on them.

    Args:
        name: `fixed_set`, `production` or `labelled`.
        rows: What was audited; None where there was nothing to audit.
        found: What was found on it.
        data_cut: When they were published.
        notes: What a reader must know of these rows, or why there are none.
    """
    return Section(
        name=name,
        notes=tuple(notes),
        data_cut=data_cut,
        audit_set=None
        if rows is None
        else AuditedRows(
            sha256=rows.sha256,
            source=rows.source,
            attributes=rows.attributes,
            people=int(rows.frame[PERSON].nunique()),
            rows=len(rows.frame),
        ),
        results=found,
        clarify=() if found is None else tuple(clarify_table(found.comparisons)),
        verdict=None if found is None else found.verdict,
    )


def audit_record(
    sections: Sequence[Section],
    settings: AuditSettings,
    model: AuditedModel,
    *,
    audited_at: str,
    extraction: Mapping[str, object] | None = None,
    previous_sha256: str | None = None,
) -> SealedRecord:
    """Put sections together to a record and seal it.

    Args:
        sections: What was found, set by set, and what could not be looked at.
        settings: Thresholds and numbers.
        model: The package.
        audited_at: When, ISO 8601 with its offset from UTC.
        extraction: Settings of the extraction in front of the model.
        previous_sha256: Hash of the record that changes refer to.
    """
    return sealed(
        AuditRecord(
            model=model,
            audited_at=audited_at,
            extraction=extraction or {},
            settings=settings,
            previous_sha256=previous_sha256,
            sections=tuple(sections),
            verdict=worst([one.verdict for one in sections if one.verdict is not None]),
        )
    )


def sealed(record: AuditRecord) -> SealedRecord:
    """Write a record: sorted keys, no spaces, six digits; what is not finite becomes null.

    Returns:
        The bytes and what they say, rounded as everybody else will read it.
    """
    content = json.dumps(
        _six_digits(RECORD.plain(record)), sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()
    return SealedRecord(content, RECORD.read(content, "the record that was just written"))


def read_record(key: str, content: bytes, sha256: str) -> SealedRecord:
    """Read a record and hold it against its hash.

    Raises:
        ConfigurationError: The content is not what was hashed; names its key.
        DocumentError: It is what was hashed and no record, or of a later version.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ConfigurationError(
            key, f"the content's sha256 is {digest}: the record was altered; restore the original"
        )
    return SealedRecord(content, RECORD.read(content, key))


def sign_off(
    kept: SealedRecord,
    *,
    who: str,
    when: datetime,
    decision: str,
    audit_sha256: str,
    comment: str = "",
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
    if audit_sha256 != (actual := kept.sha256):
        raise ConfigurationError(
            "audit_sha256",
            f"{audit_sha256} was read but the record is {actual}: read it and sign again",
        )
    if kept.record.verdict is Status.RED and decision == Decision.ACCEPTED and not comment.strip():
        raise ConfigurationError("comment", "who accepts a red audit says why")
    return SignOff(who.strip(), when.isoformat(), Decision(decision).value, actual, comment.strip())


def _six_digits(value: Any) -> Any:
    if isinstance(value, float):
        # More than any interval here is worth, and half the bytes.
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _six_digits(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_six_digits(item) for item in value]
    return value
