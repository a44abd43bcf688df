"""What the stages write into the audit log, and the command that reads and checks it.

Entries outlive an erasure, so none names a recording or a respondent: a recording stands
there as a token, a keyed hash of study and name. Whoever knows a name finds its entries
(`token_of`), and who does not finds nobody.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from include.contracts.errors import ConfigurationError
from include.governance.access.settings_seen import changes, seen
from include.lake import keys
from include.ledger.audit_tables import Deed
from include.settings import Settings

if TYPE_CHECKING:
    from include.composition import Services
    from include.lake.store import Lake
    from include.ledger.audit_log import Verdict
    from include.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class StartedWith:
    """Detail of an entry on settings.

    Attributes:
        changed: Before and now, by variable; None: as built.
        values: All that are not as built, by variable.
    """

    changed: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


STARTED_WITH = Form(StartedWith)

PLATFORM = "platform"
"""Who acts where no person asked for it."""
_TOKEN_LENGTH = 16


def token_of(settings: Settings, study: str, recording: str) -> str:
    """Return the token that a recording has in the audit log.

    HMAC-SHA256 (RFC 2104) under `FEX_LABELS__PSEUDONYM_KEY`, 16 hex digits; without that
    setting whoever guesses a name can check the guess.
    """
    secret = settings.labels.pseudonym_key
    key = secret.get_secret_value().encode() if secret else b""
    name = json.dumps([study, recording], ensure_ascii=False).encode()
    return hmac.new(key, name, hashlib.sha256).hexdigest()[:_TOKEN_LENGTH]


def person_of_this_host() -> str:
    """Return who runs a command here, as the system knows them."""
    try:
        return f"{getpass.getuser()} (host)"
    except (KeyError, OSError):  # a user id without an account, as in containers
        return "host"


def looked(services: Services, *, who: str, study: str, recording: str, shown: str) -> None:
    """Write down that somebody was shown a person's face."""
    services.ledger.audit.append(
        Deed.LOOK,
        who=who,
        what=f"recording {token_of(services.settings, study, recording)}",
        detail={"study": study, "shown": shown},
    )


def settings_started_with(ledger: Ledger, settings: Settings, *, who: str) -> bool:
    """Write down that the platform starts with other settings than before; tell whether so.

    Secrets are kept as set or not set.
    """
    last = ledger.audit.last(Deed.SETTINGS)
    before = STARTED_WITH.read(last.detail, "the audit log").values if last else {}
    values = seen(settings)
    changed = changes(before, values)
    if last is not None and not changed:
        return False
    ledger.audit.append(
        Deed.SETTINGS,
        who=who,
        what=", ".join(changed) or "as built",
        detail=STARTED_WITH.plain(StartedWith(changed, values)),
    )
    return True


def verify(services: Services) -> Verdict:
    """Check the chain, also against the hashes that the lake holds; note the newest there.

    A chain that was written anew as a whole holds in itself, and shows against what the lake
    was given before. An earlier note is never replaced.

    Raises:
        TransientError: The lake failed for now.
    """
    verdict = services.ledger.audit.verify(_written_down(services.lake))
    if not verdict.faults and verdict.entries:
        key = keys.audit_log_note(verdict.entries)
        services.lake.put_if_absent(key, verdict.last_hash.encode())
    return verdict


def _written_down(lake: Lake) -> dict[int, str]:
    found: dict[int, str] = {}
    for key in lake.list(keys.AUDIT_LOG_NOTES):
        number = key.rpartition("/")[2]
        if not number.isdecimal():
            raise ConfigurationError(key, "is no note of the audit log: take it away")
        found[int(number)] = lake.get_bytes(key).decode("ascii", "replace").strip()
    return found
