"""The story in order. Each step waits for what the platform does and holds it to the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from include.demo.loop.stage import Stage, Told, require, timed
from include.demo.loop.steps_audit import audit
from include.demo.loop.steps_release import (
    approval,
    champion,
    reanalysis,
    retraining,
    rollback,
)
from include.demo.loop.steps_week import alarms, interval, week
from include.demo.loop.weeks import DEGRADED, HEALTHY, RECOVERED, Week
from include.labelling.health import Health

DAGS = (
    "video_intake",
    "video_analysis",
    "label_queue",
    "label_intake",
    "model_evaluation",
    "bias_audit",
    "model_retraining",
    "model_rollback",
    "reprocess",
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is made while the platform starts and works.

    Attributes:
        weeks: Folder of each study, by its name.
        audit_set: What the audits show.
        archive: What a retraining learns beside new labels.
    """

    weeks: Mapping[str, Future[Path]]
    audit_set: Future[Path]
    archive: Future[Path]

    def folder(self, shown: Week) -> Path:
        """Return the folder of a week, when it is made."""
        return self.weeks[shown.study].result()


def steps(stage: Stage, recorded: Recorded) -> Iterator[tuple[str, Callable[[], Told]]]:
    """Yield name and deed of each step; do one before asking for the next.

    Raises:
        StepFailedError: By a deed: something else came out than what is told.
    """
    told: dict[str, Told] = {}

    def keep(name: str, step: Callable[[], Told]) -> tuple[str, Callable[[], Told]]:
        def deed() -> Told:
            told[name] = timed(step)
            return told[name]

        return name, deed

    first = champion(stage).version
    yield keep("healthy week", lambda: _healthy(stage, recorded, first))
    recorded.audit_set.result()
    yield keep("audit before", lambda: audit(stage, "Audit before", version=first))
    recorded.archive.result()  # the degraded week starts the retraining by itself
    began = datetime.now(UTC)
    yield keep(
        "degraded week",
        lambda: week(
            stage, DEGRADED, recorded.folder(DEGRADED), expected=[Health.DEGRADED], version=first
        ),
    )
    evidence = str(told["degraded week"].figures["key"])
    yield keep("retraining", lambda: retraining(stage, began, evidence))
    run = told["retraining"].run
    assert run is not None
    yield keep("approval", lambda: approval(stage, run[1]))
    second = champion(stage).version
    yield keep("second analysis", lambda: reanalysis(stage, DEGRADED.study))
    yield keep("recovered week", lambda: _recovered(stage, recorded, second, told["degraded week"]))
    yield keep("audit after", lambda: audit(stage, "Audit after", version=second))
    yield keep("rollback", lambda: rollback(stage))


def _healthy(stage: Stage, recorded: Recorded, version: str) -> Told:
    told = week(
        stage, HEALTHY, recorded.folder(HEALTHY), expected=[Health.HEALTHY], version=version
    )
    raised = alarms(stage)
    requests = stage.ledger.retraining.requests()
    require(
        not raised and not requests,
        f"A healthy week raised {raised or 'no alarm'} and {len(requests)} retraining requests.",
    )
    return told


def _recovered(stage: Stage, recorded: Recorded, version: str, before: Told) -> Told:
    """Watch is no failure: the new model is held against figures of its own, sealed in daylight."""
    told = week(
        stage,
        RECOVERED,
        recorded.folder(RECOVERED),
        expected=[Health.HEALTHY, Health.WATCH],
        version=version,
    )
    now, then = told.figures["accuracy"], before.figures["accuracy"]
    require(
        now.low > then.high,
        f"Accuracy {interval(now)} is not surely above {interval(then)} of the week before.",
    )
    return told
