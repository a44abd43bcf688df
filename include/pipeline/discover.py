"""Discover: list what was dropped, enter it in the ledger, gate it, claim batches.

Nothing is decoded here. What cannot be read and what must not be processed is
set aside with a reason; the rest is claimed once it has stopped changing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.errors import PermanentInputError, TransientError
from include.contracts.reasons import QuarantineCode
from include.contracts.study_names import Role
from include.pipeline.quarantine import quarantine_recording, reopen_recording
from include.pipeline.study_gate import CODES, StudyGate, StudyRules

if TYPE_CHECKING:
    from datetime import datetime

    from include.lake.store import Lake
    from include.ledger.ledger import Ledger, Recording
    from include.settings import DiscoverySettings

log = logging.getLogger(__name__)


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
    to_correct: list[str]
    """Sentences on study files that are not named or placed like one."""


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
    dropped = list(lake.list_dropped())
    gate = StudyGate(lake, ledger, settings, dropped)
    for sentence in gate.to_correct:
        log.warning("%s", sentence)
    reopened = _reopen_corrected(lake, ledger, gate, now)
    seen = ledger.observe((item for item in dropped if item.role is Role.RECORDING), now)
    quarantined = 0
    for recording in ledger.unusable():
        quarantine_recording(lake, ledger, recording, _unusable(recording))
        quarantined += 1
    cleared: list[str] = []
    deferred: list[str] = []
    for study in ledger.claimable_studies(now, settings):
        rules: StudyRules | PermanentInputError
        try:
            rules = gate.study(study)
        except TransientError as error:
            log.warning("study %r waits: %s", study, error)
            deferred.append(study)
            continue
        except PermanentInputError as error:
            log.warning("study %r is set aside: %s", study, error)
            rules = error
        for recording in ledger.claimable(study, now, settings):
            fault = _fault(rules, recording, now)
            if fault is not None:
                quarantine_recording(lake, ledger, recording, fault)
                quarantined += 1
        if isinstance(rules, StudyRules):
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
        to_correct=gate.to_correct,
    )


def _reopen_corrected(lake: Lake, ledger: Ledger, gate: StudyGate, now: datetime) -> int:
    """Recordings set aside for their study's files alone: dropping them again would not help.

    On S3 the same bytes under the same key are the same version, which is quarantined; so
    the correction of the file has to bring them back. So does another fault: the reason that
    people read must be the one that holds them now.
    """
    reopened = 0
    for study in ledger.quarantined_studies(CODES):
        try:
            rules: StudyRules | PermanentInputError = gate.study(study)
        except PermanentInputError as error:
            rules = error
        except TransientError:
            continue
        for recording in ledger.quarantined(study, CODES):
            fault = _fault(rules, recording, now)
            # What was withdrawn stays so until a line says that it is not.
            final = recording.reason_code == QuarantineCode.CONSENT_WITHDRAWN
            if fault is None or not (final or recording.reason == str(fault)):
                reopen_recording(lake, ledger, recording)
                reopened += 1
    return reopened


def _fault(
    rules: StudyRules | PermanentInputError, recording: Recording, now: datetime
) -> PermanentInputError | None:
    """Why a recording is set aside: its study's fault, or its own; None where it may go on."""
    if isinstance(rules, PermanentInputError):
        return rules
    try:
        rules.require(recording.recording, now)
    except PermanentInputError as error:
        log.warning("%r is set aside: %s", recording.key, error)
        return error
    return None


def _unusable(recording: Recording) -> PermanentInputError:
    return PermanentInputError(
        QuarantineCode.UNUSABLE_KEY,
        f"{recording.key!r} cannot be read: {recording.problem}.",
        "Upload the recording itself under a plain name: letters, digits, spaces, dots, "
        "hyphens and underscores.",
    )
