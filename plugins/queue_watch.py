"""A queue that no worker takes from holds its tasks for good: people are told.

Celery's workers are asked through the broker which queues they take from. The `io` queue cannot
be watched so, for who asks is one of its tasks: there an intake is late, and the triggerer tells.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from include.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from include.observability.notice import Notice

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""Workers answer within milliseconds; one that is starved of its processor takes longer."""
TRIES = 2


def tell_unattended() -> list[str]:
    """Send one notice a day for each named queue that no worker takes from; return them."""
    from airflow.configuration import conf

    from include.composition import build_notifier, build_services

    named = load_settings().queues.by_need.values()
    found = unattended(conf.get_mandatory_value("celery", "BROKER_URL"), named)
    if found:
        services = build_services()
        notifier = build_notifier(services)
        for queue in found:
            notifier.send(_notice(queue, services.ledger.clock()))
    return found


def unattended(broker_url: str, queues: Iterable[str]) -> list[str]:
    """Return the queues that no worker takes from, sorted.

    Args:
        broker_url: Of Celery; may hold a password.
        queues: Those that have to have a worker.

    Returns:
        None of them where no worker answers at all: then it is the broker that is not there.
    """
    from celery import Celery

    app = Celery(broker=broker_url)
    missing = set(queues)
    for _ in range(TRIES):
        workers = app.control.inspect(timeout=ANSWER_S).active_queues()
        if not workers:
            log.warning("no worker answered within %g s", ANSWER_S)
            return []
        missing -= {queue["name"] for taken in workers.values() for queue in taken}
        if not missing:
            break
    return sorted(missing)


def _notice(queue: str, now: datetime) -> Notice:
    from include.observability.notice import Notice, Severity

    return Notice(
        key=f"queue-without-worker/{queue}/{now:%Y-%m-%d}",
        severity=Severity.CRITICAL,
        title=f"No worker takes from the queue {queue}",
        body=(
            f"Tasks in the queue {queue!r} wait until one does; after two hours in the queue they "
            f"fail. Start one: `airflow celery worker --queues {queue}`, or take the setting "
            "FEX_QUEUES__* away that names it. Nothing is lost meanwhile."
        ),
    )
