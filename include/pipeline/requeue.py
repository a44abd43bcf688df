"""Requeue: a person puts a recording that failed or was set aside back into the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.reasons import QuarantineCode
from include.ledger.audit_tables import Deed
from include.ledger.erasure import ERASED
from include.ledger.models import SUPERSEDED, Recording, State
from include.pipeline.quarantine import reopen_recording
from include.pipeline.trail import token_of

if TYPE_CHECKING:
    from include.composition import Services

FINAL_CODES = (QuarantineCode.CONSENT_WITHDRAWN, ERASED, SUPERSEDED)
"""Reasons that a person cannot set aside: a line in respondents.csv, or a newer upload, does."""


class NotRequeuedError(PlatformError):
    """The recording stands where nothing is to be put back."""


def waiting(services: Services, *, limit: int) -> list[Recording]:
    """Recordings that a person may put back, those set aside last first."""
    return services.ledger.set_aside(without=FINAL_CODES, limit=limit)


def requeue(services: Services, *, study: str, recording: str, who: str, why: str) -> Recording:
    """Put the newest version of a recording back into the queue, as if new.

    It is claimed after the next listing that holds it. Purpose and consent are asked for again.

    Args:
        services: Collaborators.
        study: Name of the study, as it stands in the ledger.
        recording: Name of the recording in it.
        who: User name of the person; goes into the audit log.
        why: In their words; goes there too, where it outlives an erasure.

    Returns:
        The recording as it stood before.

    Raises:
        ConfigurationError: There is no recording of that name.
        NotRequeuedError: It is in work or published, or was set aside for a reason that no
            person can take back.
        LedgerConflictError: Somebody else changed it meanwhile.
        TransientError: The lake failed for now.
    """
    versions = services.ledger.versions_named(study, recording)
    if not versions:
        raise ConfigurationError("recording", f"study {study!r} has no recording {recording!r}")
    newest = versions[-1]
    if newest.state not in (State.QUARANTINED, State.FAILED):
        raise NotRequeuedError(f"it is {newest.state}: only what failed or was set aside goes back")
    if newest.reason_code in FINAL_CODES:
        raise NotRequeuedError(f"it was set aside as {newest.reason_code}: nobody takes that back")
    reopen_recording(services.lake, services.ledger, newest)
    services.ledger.audit.append(
        Deed.REQUEUE,
        who=who,
        what=f"recording {token_of(services.settings, study, recording)}",
        detail={"study": study, "was": newest.state, "reason": newest.reason_code, "why": why},
    )
    return newest
