"""Intake: one pass of discovery, turned into the analysis runs to start."""

from __future__ import annotations

import logging
from dataclasses import asdict

from include.composition import Services
from include.pipeline import withdrawals
from include.pipeline.discover import discover
from include.pipeline.figures import emit_queue

log = logging.getLogger(__name__)


def run(services: Services, run_key: str) -> list[dict[str, object]]:
    """Discover and claim; return one entry for each batch to analyse.

    The batch id is the id of the analysis run, so that starting it twice is
    one run.
    """
    withdrawn = withdrawals.set_aside(services)
    summary = discover(
        services.lake,
        services.ledger,
        services.settings.discovery,
        run_key=run_key,
        now=services.ledger.clock(),
    )
    log.info("discovered %s; %d withdrawn", asdict(summary), withdrawn)
    emit_queue(services)
    return [
        {"trigger_run_id": batch_id, "conf": {"batch_id": batch_id}}
        for batch_id in summary.batch_ids
    ]
