"""What has to be true of a stack that has done its work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from include.lake import keys
from include.ledger.models import State
from include.platform.api import AirflowApi
from include.platform.stack.observer import Observer, Outcome

ANALYSIS, INTAKE = "video_analysis", "video_intake"
_OPEN = ("queued", "running")


def undone(api: AirflowApi, observer: Observer) -> list[str]:
    """Return the work that nobody has finished, in words; empty is right."""
    told = []
    if count := observer.in_work():
        told.append(f"{count} recording(s) have not reached an end")
    told += [
        f"{ANALYSIS} {run['dag_run_id']} is {run['state']}"
        for run in api.dag_runs(ANALYSIS)
        if run["state"] in _OPEN
    ]
    told += [f"{name}: {error}" for name, error in api.import_errors().items()]
    return told


def published_twice(observer: Observer, study: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the recordings that have more or less than one whole result."""
    listed = observer.listing(f"{keys.PUBLISHED}/{study}")
    whole = [key for key in listed if key.endswith(f"/{keys.PUBLISHED_MANIFEST}")]
    counts = Counter(key.split("/")[2] for key in whole)
    published = [row for row in outcomes if row.state is State.PUBLISHED and row.result_key]
    wanted = {str(row.result_key).split("/")[2] for row in published}
    told = [f"{name} has {count} whole results" for name, count in counts.items() if count > 1]
    told += [f"{name} is published without a result" for name in sorted(wanted - counts.keys())]
    return told


def workers_of(api: AirflowApi, outcomes: Sequence[Outcome]) -> Counter[str]:
    """Return how many tasks of the recordings' batches each host ran."""
    batches = sorted({row.batch_id for row in outcomes if row.batch_id})
    return Counter(
        str(task["hostname"])
        for batch in batches
        for task in api.task_instances(ANALYSIS, batch)
        if task["hostname"]
    )
