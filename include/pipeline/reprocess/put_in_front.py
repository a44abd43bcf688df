"""Put in front: have readers take the new results, where that was asked for."""

from __future__ import annotations

import logging

from include.composition import Services, build_registry
from include.ledger.audit_tables import Deed
from include.ledger.reanalysis_tables import ReanalysisState
from include.pipeline.current import choose
from include.pipeline.published import result_at
from include.pipeline.reprocess.begin import require_approved
from include.pipeline.reprocess.request import opened
from include.pipeline.trail import PLATFORM, token_of

log = logging.getLogger(__name__)


def run(services: Services, run_id: str, *, asked_by: str | None = None) -> dict[str, int]:
    """Choose the new result of every re-analysis that is published; the old ones stay.

    A recording that was uploaded anew meanwhile keeps the newer upload's result. Each change
    goes into the audit log.

    Args:
        services: Collaborators.
        run_id: The Airflow run.
        asked_by: Who started it; None where no person did.

    Raises:
        ConfigurationError: The version is not approved any longer.
        PlatformError: The run was not opened.
        TransientError: The lake failed for now.
    """
    request, batch = opened(services, run_id)
    counts = {"in_front": 0, "newer_upload": 0}
    if not request.make_current:
        return counts
    # Approval may have been taken back while the run was under way.
    require_approved(build_registry(services.settings).get(request.name, request.version))
    book = services.ledger.reanalyses
    for item in book.of_batch(batch.batch_id, (ReanalysisState.PUBLISHED,)):
        result = result_at(services.lake, item.result_key or "")
        if result is None:
            log.warning("the new result of %r is gone", item.recording.key)
            continue
        at = services.ledger.clock()
        if choose(services.lake, result, by=batch.batch_id, at=at, same_video=True):
            study, recording = item.recording.study, item.recording.recording
            services.ledger.audit.append(
                Deed.CURRENT,
                who=asked_by or PLATFORM,
                what=f"recording {token_of(services.settings, study, recording)}",
                detail={"study": study, "version": result.model.version, "run": batch.batch_id},
                once=f"{batch.batch_id}/{item.recording.id}",
            )
            book.mark_in_front(batch.batch_id, item.recording.id)
            counts["in_front"] += 1
        else:
            log.warning("%r was uploaded anew: its newer result stays", item.recording.key)
            counts["newer_upload"] += 1
    return counts
