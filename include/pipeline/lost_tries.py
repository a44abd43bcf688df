"""Tells people once that tries of a batch's tasks ended without a word: a worker was lost.

Each try leaves a note when it ends (`plugins/cpu_time.py`); one that was killed, or whose worker
was cut off, leaves none. What it was at is done again without anybody's doing: the notice is for
whoever looks after workers.
"""

from __future__ import annotations

import logging

from include.composition import Services, build_notifier
from include.observability.cpu import lost_tries
from include.observability.notice import Notice, Severity

log = logging.getLogger(__name__)

_RUNBOOK = "docs/runbooks/production-stack.md"


def tell(services: Services, batch_id: str) -> list[str]:
    """Send the notice where there is something to tell; return the tries that were lost.

    A batch is never held up by it: what goes wrong here is a line in the task log.
    """
    try:
        lost = lost_tries(services.lake, batch_id)
        if lost:
            build_notifier(services).send(_notice(batch_id, lost))
    except Exception:  # whatever it is, it must not stop the batch
        log.exception("no look at lost tries of %s", batch_id)
        return []
    return lost


def _notice(batch_id: str, lost: list[str]) -> Notice:
    return Notice(
        key=f"lost-tries/{batch_id}",
        severity=Severity.WARNING,
        title=f"{len(lost)} task(s) of a batch were lost and tried again",
        body=(
            f"In {batch_id} nothing was heard of {', '.join(lost)}: the worker died, was cut off, "
            "or could not reach the store. Nothing has to be done for the batch. If it happens "
            f"again, look at the workers: {_RUNBOOK}."
        ),
        link=f"/dags/video_analysis/runs/{batch_id}",
    )
