"""Setting a recording aside: the reason is written for people, the original stays untouched."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from include.contracts.quarantine import QUARANTINE_REASON, Original, QuarantineReason
from include.lake import keys

if TYPE_CHECKING:
    from include.contracts.errors import PermanentInputError
    from include.lake.store import Lake
    from include.ledger.ledger import Ledger, Recording


def quarantine_recording(
    lake: Lake, ledger: Ledger, recording: Recording, error: PermanentInputError
) -> str:
    """Write the reason to the lake, then close the recording in the ledger.

    In this order a crash in between leaves a reason without a closed row; the
    stage runs again and writes it once more under the same key.

    Returns:
        The key of the reason.

    Raises:
        LedgerConflictError: The recording is published or failed already.
        TransientError: The lake failed for now.
    """
    key = _write_reason(lake, ledger, recording, error)
    ledger.quarantine(recording.id, code=str(error.code), reason=str(error), result_key=key)
    return key


def withdraw_recording(
    lake: Lake, ledger: Ledger, recording: Recording, error: PermanentInputError
) -> None:
    """Set a published recording aside: its results stay where they are and are read no more.

    The same sentence lies beside them, for whoever comes upon them.

    Raises:
        LedgerConflictError: The recording is not published.
        TransientError: The lake failed for now.
    """
    key = _write_reason(lake, ledger, recording, error)
    beside = keys.withdrawn(recording.study, recording.recording)
    lake.put_bytes(beside, lake.get_bytes(key))
    ledger.withdraw(recording.id, code=str(error.code), reason=str(error), result_key=key)


def _write_reason(
    lake: Lake, ledger: Ledger, recording: Recording, error: PermanentInputError
) -> str:
    key = keys.quarantine_reason(recording.study, recording.recording, recording.object_id)
    original = Original(
        uri=recording.uri,
        key=recording.key,
        version=recording.version,
        size_bytes=recording.size_bytes,
        first_seen_at=recording.first_seen_at.isoformat(),
    )
    reason = QuarantineReason.of(
        error,
        original,
        ledger.clock().isoformat(),
        study=recording.study,
        recording=recording.recording,
    )
    lake.write(QUARANTINE_REASON, key, reason)
    return key


def reopen_recording(lake: Lake, ledger: Ledger, recording: Recording) -> None:
    """Take a recording back from quarantine: its reason is removed, the queue has it again.

    Raises:
        LedgerConflictError: The recording is in work or published.
        TransientError: The lake failed for now.
    """
    # In this order a crash in between is healed by doing it again.
    lake.delete(keys.withdrawn(recording.study, recording.recording))
    lake.delete_prefix(
        posixpath.dirname(
            keys.quarantine_reason(recording.study, recording.recording, recording.object_id)
        )
    )
    ledger.reopen(recording.id)
