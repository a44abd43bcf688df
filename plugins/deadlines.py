"""Deadlines of DAG runs: whoever watches is told once when a run is late.

Airflow compares the time since a run was queued with the interval and calls `tell` in
the triggerer. It does so for a run that has failed meanwhile as well: it is not done.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference


def due_within(seconds: float, *, advice: str) -> DeadlineAlert:
    """Return the alert of a DAG whose runs should be done within so many seconds.

    Args:
        seconds: From the moment a run is queued.
        advice: What a person should do about a late run; one sentence.
    """
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=seconds),
        callback=AsyncCallback(tell, kwargs={"seconds": seconds, "advice": advice}),
        name=f"done within {timedelta(seconds=seconds)}",
    )


async def tell(seconds: float, advice: str, context: dict[str, Any]) -> str:
    """Send one notice of a late run; called by Airflow's triggerer.

    Args:
        seconds: The interval that is over.
        advice: For people.
        context: Airflow's: the run and the deadline.

    Returns:
        What was done, for the triggerer's log.
    """
    run = context["dag_run"]
    # The lake, boto3 and SQLite block; the triggerer's loop must not.
    return await asyncio.to_thread(_send, run["dag_id"], run["dag_run_id"], seconds, advice)


def _send(dag_id: str, run_id: str, seconds: float, advice: str) -> str:
    from include.composition import build_notifier, build_services
    from include.observability.notice import Notice, Severity

    notice = Notice(
        key=f"deadline/{dag_id}/{run_id}/{seconds:g}",
        severity=Severity.WARNING,
        title=f"A run of {dag_id} is late",
        body=f"{run_id} is not done {timedelta(seconds=seconds)} after it was queued. {advice}",
        link=f"/dags/{dag_id}/runs/{run_id}",
    )
    sent = build_notifier(build_services()).send(notice)
    return "sent" if sent else "sent before"
