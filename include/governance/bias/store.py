"""Where audits lie in the lake: written once, found by the model they are about.

`audits/{sha256}/record.json` is the record under its own hash, `report.html` its page,
`sign-off.json` the one decision a named person made on it. `audits/by-model/` holds a
pointer per audit of a package, named so that the newest sorts last.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from include.governance.bias.record import SIGN_OFF, SealedRecord, SignOff, read_record
from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which audit is one of a package.

    Attributes:
        audit_sha256: Hash of its record.
        candidate: Whether the package was not the champion when it was audited.
    """

    audit_sha256: str
    candidate: bool = False


POINTER = Form(Pointer)


def save(
    lake: Lake, audit: SealedRecord, page: bytes, *, at: datetime, candidate: bool = False
) -> None:
    """Write an audit under its hash. Writing the same audit again changes nothing.

    The pointer comes last: whoever finds an audit by its model finds all of it.

    Args:
        lake: The lake.
        audit: What was found.
        page: The record as HTML.
        at: When the audit was made, aware; orders the audits of one package.
        candidate: Whether the package was not the champion: later audits of others do not
            hold themselves against it.

    Raises:
        TransientError: The lake failed for now; save again.
    """
    lake.put_if_absent(keys.audit_record(audit.sha256), audit.content)
    lake.put_if_absent(keys.audit_page(audit.sha256), page)
    pointer = keys.audit_pointer(audit.record.model.sha256, _stamp(at), audit.sha256)
    lake.put_if_absent(pointer, POINTER.write(Pointer(audit.sha256, candidate)))


def load(lake: Lake, sha256: str) -> SealedRecord:
    """Read an audit record and hold it against its hash.

    Raises:
        FileNotFoundError: There is no such audit.
        ConfigurationError: Its bytes were altered.
        DocumentError: A later version of the platform wrote it.
        TransientError: The lake failed for now.
    """
    key = keys.audit_record(sha256)
    return read_record(key, lake.get_bytes(key), sha256)


def latest(
    lake: Lake, model_sha256: str | None = None, *, before: datetime | None = None
) -> SealedRecord | None:
    """Return the newest audit of a package, None when there is none.

    Args:
        lake: The lake.
        model_sha256: The package; None looks at the audits of all that were the champion.
        before: Aware; only audits made earlier count.

    Raises:
        ConfigurationError: The record's bytes were altered.
        TransientError: The lake failed for now.
    """
    prefix = keys.AUDITS_BY_MODEL if model_sha256 is None else keys.audits_of_model(model_sha256)
    bound = None if before is None else _stamp(before)
    names = {posixpath.basename(key): key for key in lake.list(prefix)}
    for name in sorted(names, reverse=True):
        if bound is not None and name >= bound:
            continue
        pointer = lake.read(POINTER, names[name])
        if model_sha256 is not None or not pointer.candidate:
            return load(lake, pointer.audit_sha256)
    return None


def save_sign_off(lake: Lake, signed: SignOff) -> SignOff:
    """Write a decision and return the one that holds: the first on its audit.

    Raises:
        TransientError: The lake failed for now; save again.
    """
    return lake.write_once(SIGN_OFF, keys.audit_sign_off(signed.audit_sha256), signed)


def read_sign_off(lake: Lake, sha256: str) -> SignOff | None:
    """Return the decision on an audit, None while nobody has signed it.

    Raises:
        TransientError: The lake failed for now.
    """
    return lake.find(SIGN_OFF, keys.audit_sign_off(sha256))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
