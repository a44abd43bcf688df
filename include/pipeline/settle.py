"""Settle: close a batch. Whatever is not finished goes back to the queue or fails visibly."""

from __future__ import annotations

from include.composition import Services
from include.contracts.errors import PlatformError
from include.ledger.ledger import State
from include.pipeline import lost_tries
from include.pipeline.figures import emit_batch

FINAL = (State.PUBLISHED, State.QUARANTINED, State.FAILED)


def run(services: Services, batch_id: str) -> dict[str, int]:
    """Account for every recording of the batch.

    Recordings that are left are released for another batch until they have
    used up their attempts; then they are marked failed.

    Raises:
        PlatformError: Some recordings did not reach an end; the message names them.
    """
    ledger = services.ledger
    unfinished: list[str] = []
    for recording in ledger.recordings(batch_id):
        if recording.state in FINAL:
            continue
        state = ledger.release_or_fail(
            recording.id,
            reason=f"left {recording.state} by {batch_id}; the task log says why",
            max_attempts=services.settings.discovery.max_attempts,
        )
        unfinished.append(f"{recording.key!r} ({state})")
    emit_batch(services, batch_id)
    lost_tries.tell(services, batch_id)
    if unfinished:
        raise PlatformError(
            f"{len(unfinished)} recording(s) did not finish in {batch_id}: " + ", ".join(unfinished)
        )
    states = [recording.state for recording in ledger.recordings(batch_id)]
    return {state.value: states.count(state) for state in FINAL}
