"""Figures of the queue and of settled batches, for whoever watches the platform.

Called by `intake` and `settle`. Watching must never stop what is watched: a figure that
cannot be taken or handed over is a line in the task log, and the batch goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from include.composition import Services, build_metric_sink
from include.contracts.documents import Form
from include.contracts.extraction import EXTRACTION
from include.lake import keys
from include.ledger.ledger import Recording, State
from include.observability import catalogue
from include.observability.batch import BatchWork, cost_figures, work_figures
from include.observability.cpu import noted_cpu_s
from include.observability.prices import PriceTable
from include.observability.sink import Metric

log = logging.getLogger(__name__)

_LOOKUPS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """What was emitted of a settled batch."""

    metrics: list[Metric]


BATCH_FIGURES = Form(BatchFigures)


def emit_queue(services: Services) -> None:
    """Emit what waits and what is in work; an idle queue too, as a sign of life."""
    _emit("of the queue", services, lambda: _queue(services))


def emit_batch(services: Services, batch_id: str) -> None:
    """Emit what a batch that has just been settled came to: once, however often it is settled."""
    marker = keys.batch_figures(batch_id)

    def take() -> list[Metric]:
        if services.lake.exists(marker):
            return []
        work = _work(services, batch_id)
        return work_figures(work) + _cost(services, work)

    def done(metrics: list[Metric]) -> None:
        services.lake.put_if_absent(marker, BATCH_FIGURES.write(BatchFigures(metrics)))

    _emit(f"of {batch_id}", services, take, done)


def _emit(
    what: str,
    services: Services,
    take: Callable[[], list[Metric]],
    done: Callable[[list[Metric]], None] = lambda _: None,
) -> None:
    try:
        metrics = take()
        if metrics:
            build_metric_sink(services).emit(metrics)
            done(metrics)
    except Exception:  # whatever it is, it must not stop the batch
        log.exception("no figures %s", what)


def _queue(services: Services) -> list[Metric]:
    now = services.ledger.clock()
    queue = services.ledger.queue(now, services.settings.discovery)
    oldest_s = (now - queue.oldest_since).total_seconds() if queue.oldest_since else 0.0
    return [
        catalogue.QUEUE_DEPTH.at(now, queue.waiting),
        catalogue.OLDEST_WAITING.at(now, max(0.0, oldest_s)),
        catalogue.IN_WORK.at(now, queue.in_work),
        catalogue.OVERDUE.at(now, queue.overdue),
    ]


def _work(services: Services, batch_id: str) -> BatchWork:
    ledger, settings = services.ledger, services.settings
    recordings = ledger.recordings(batch_id)
    published = [item for item in recordings if item.state is State.PUBLISHED]
    with ThreadPoolExecutor(max_workers=_LOOKUPS_AT_ONCE) as pool:
        video_s = list(pool.map(lambda item: _video_s(services, item), published))
    embedded = settings.transform.backend == "embedded"
    return BatchWork(
        started_at=ledger.batch(batch_id).created_at,
        settled_at=ledger.clock(),
        recordings=recordings,
        video_s=video_s,
        jobs=ledger.jobs(batch_id),
        cpu_s=noted_cpu_s(services.lake, batch_id),
        instance_type=None if embedded else settings.transform.instance_type,
        instance_count=1 if embedded else settings.transform.instance_count,
    )


def _video_s(services: Services, recording: Recording) -> float:
    key = keys.extraction_marker(recording.extraction_id or "")
    return services.lake.read(EXTRACTION, key).duration_s


def _cost(services: Services, work: BatchWork) -> list[Metric]:
    settings = services.settings
    try:
        prices = PriceTable.load(settings.watch.price_table)
        if work.instance_type is not None and prices.region != settings.storage.s3_region:
            log.warning(
                "the price table holds prices of %s, the jobs run in %s",
                prices.region,
                settings.storage.s3_region,
            )
        return cost_figures(work, prices)
    except Exception:  # the other figures are worth having without a price
        log.exception("no cost of the batch")
        return []
