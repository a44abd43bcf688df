"""Discover: list what was dropped, enter it in the ledger, gate it, claim batches.

Nothing is decoded here. What cannot be read and what must not be processed is
set aside with a reason; the rest is claimed once it has stopped changing.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.errors import PermanentInputError, TransientError
from include.contracts.reasons import QuarantineCode
from include.pipeline.quarantine import quarantine_recording, reopen_recording
from include.pipeline.study_files import read_study_files

if TYPE_CHECKING:
    from datetime import datetime

    from include.lake.store import Lake
    from include.ledger.ledger import Ledger, Recording
    from include.settings import DiscoverySettings

log = logging.getLogger(__name__)

_STUDY_CODES = (QuarantineCode.PURPOSE_DENIED, QuarantineCode.BAD_STUDY_FILE)
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class DiscoverSummary:
    """What one intake run did; small and JSON-serialisable with `asdict`."""

    batch_ids: list[str]
    listed: int
    """Recordings under `incoming/`."""
    new: int
    """Recordings, or versions of them, seen for the first time."""
    changed: int
    """Recordings that still change."""
    quarantined: int
    reopened: int
    """Recordings taken back from quarantine because their study file was corrected."""
    deferred_studies: list[str]
    """Studies whose study file could not be read for now; they wait for the next run."""


def discover(
    lake: Lake, ledger: Ledger, settings: DiscoverySettings, *, run_key: str, now: datetime
) -> DiscoverSummary:
    """List, enter, gate and claim.

    Args:
        lake: Where recordings are dropped.
        ledger: The work queue.
        settings: Stability, bounds, purposes.
        run_key: Identity of the intake run: a retry gets the same batches.
        now: Aware time of the run.

    Raises:
        TransientError: The lake could not be listed; nothing is lost, run again.
    """
    reopened = _reopen_corrected_studies(lake, ledger, settings)
    seen = ledger.observe(lake.list_incoming(), now)
    quarantined = 0
    for recording in ledger.unusable():
        quarantine_recording(lake, ledger, recording, _unusable(recording))
        quarantined += 1
    cleared: list[str] = []
    deferred: list[str] = []
    for study in ledger.claimable_studies(now, settings):
        try:
            check_purpose(lake, study, settings)
        except PermanentInputError as error:
            log.warning("study %r is set aside: %s", study, error)
            for recording in ledger.claimable(study, now, settings):
                quarantine_recording(lake, ledger, recording, error)
                quarantined += 1
        except TransientError as error:
            log.warning("study %r waits: %s", study, error)
            deferred.append(study)
        else:
            cleared.append(study)
    batch_ids = ledger.claim(run_key, now, settings, studies=cleared)
    return DiscoverSummary(
        batch_ids=batch_ids,
        listed=seen.listed,
        new=seen.new,
        changed=seen.changed,
        quarantined=quarantined,
        reopened=reopened,
        deferred_studies=deferred,
    )


def _reopen_corrected_studies(lake: Lake, ledger: Ledger, settings: DiscoverySettings) -> int:
    """Recordings set aside for their study file alone: dropping them again would not help.

    On S3 the same bytes under the same key are the same version, which is
    quarantined; so the correction of the study file has to bring them back.
    """
    reopened = 0
    for study in ledger.quarantined_studies(_STUDY_CODES):
        try:
            check_purpose(lake, study, settings)
        except (PermanentInputError, TransientError):
            continue
        for recording in ledger.quarantined(study, _STUDY_CODES):
            reopen_recording(lake, ledger, recording)
            reopened += 1
    return reopened


def check_purpose(lake: Lake, study: str, settings: DiscoverySettings) -> None:
    """Check the declared purpose of a study before anything of it is decoded.

    Every study file that is there must allow the study; without one the
    default purpose applies.

    Raises:
        PermanentInputError: The purpose is denied, or a study file cannot be understood.
        TransientError: A study file cannot be read for now.
    """
    purposes = [declared.purpose for declared in read_study_files(lake, study)]
    for purpose in purposes or [settings.default_purpose]:
        denied = _denied_by(purpose, settings.denied_purposes)
        if denied is not None:
            raise PermanentInputError(
                QuarantineCode.PURPOSE_DENIED,
                f"Study {study!r} declares the purpose {purpose!r}; analysing displayed "
                f"expressions for {denied!r} is not permitted here.",
                "If the purpose is stated wrongly, correct study.yaml and the recordings are taken "
                "up by themselves; else remove them.",
            )


def _denied_by(purpose: str, denied: tuple[str, ...]) -> str | None:
    """The denied purpose whose words all appear in `purpose`; wider matching errs on safety."""
    words = set(_WORD.findall(purpose.casefold()))
    for candidate in denied:
        if set(_WORD.findall(candidate.casefold())) <= words:
            return candidate
    return None


def _unusable(recording: Recording) -> PermanentInputError:
    return PermanentInputError(
        QuarantineCode.UNUSABLE_KEY,
        f"{recording.key!r} cannot be read: {recording.problem}.",
        "Upload the recording itself under a plain name: letters, digits, spaces, dots, "
        "hyphens and underscores.",
    )
