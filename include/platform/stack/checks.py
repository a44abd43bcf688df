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


def not_once(observer: Observer, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the published recordings that have more or less than one whole result, in words."""
    told = []
    for row in outcomes:
        if row.state is not State.PUBLISHED or row.result_key is None:
            continue
        # published/{study}/{recording}/{analysis}/manifest.json
        recording = "/".join(row.result_key.split("/")[:3])
        listed = observer.listing(recording)
        whole = [key for key in listed if key.endswith(f"/{keys.PUBLISHED_MANIFEST}")]
        if len(whole) != 1:
            told.append(f"{row.recording} has {len(whole)} whole results")
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
