"""A week: recordings are dropped, analysed, drawn from, labelled, and the model is judged."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.demo.loop.annotators import answers
from include.demo.loop.stage import Stage, Told, require
from include.demo.loop.weeks import Week
from include.labelling.evaluation import EVALUATION as EVALUATED
from include.labelling.evaluation import EvaluationRecord
from include.labelling.health import Health
from include.labelling.queue import DRAW, Draw
from include.labelling.summary import SUMMARY
from include.lake import keys
from include.ledger.models import State
from include.observability.notice import CLAIMED, Severity
from include.platform.console import duration
from include.platform.dropping import Followed, drop
from include.platform.following import follow_recordings
from include.statistics import words
from include.statistics.estimate import Estimate

ANALYSIS_TIMEOUT_S = 3600.0
QUEUE, INTAKE, EVALUATION = "label_queue", "label_intake", "model_evaluation"


def week(
    stage: Stage, shown: Week, folder: Path, *, expected: Collection[Health], version: str
) -> Told:
    """Play a week and hold its evaluation against what was planted.

    Args:
        stage: The platform.
        shown: What is recorded.
        folder: Where its recordings lie.
        expected: What the rule may say.
        version: Of the model that should have been judged.

    Raises:
        StepFailedError: A run failed, or the rule says something else.
    """
    _analyse(stage, folder)
    began = datetime.now(UTC)  # its own schedule may read the answers before we ask for it
    draw = _label(stage, shown)
    run_id = _hand_in(stage, shown, draw, began)
    outcome = stage.returned(EVALUATION, run_id, "evaluate")
    document = stage.lake.read(EVALUATED, outcome["key"])
    told = _told(stage, shown, outcome, document, run_id)
    require(
        outcome["health"] in expected and str(outcome["model_version"]) == version,
        f"{shown.study}: version {outcome['model_version']} is {outcome['health']}, not version "
        f"{version} {' or '.join(expected)}: {outcome['reason']}\n  {told.path}",
    )
    return told


def _analyse(stage: Stage, folder: Path) -> None:
    """Drop a study and wait until all of it is published."""
    environment = stage.platform.environment()
    dropped = drop(folder, stage.folder, folder.name)
    followed = Followed(
        lake_url=environment["FEX_STORAGE__LAKE_URL"],
        ledger_url=environment["FEX_STORAGE__LEDGER_URL"],
        dropped=dropped,
    )
    ending = follow_recordings(
        stage.platform, stage.api, followed, datetime.now(UTC), stage.ticker, ANALYSIS_TIMEOUT_S
    )
    require(not ending.timed_out, f"Not analysed after {duration(ANALYSIS_TIMEOUT_S)}.")
    lost = [row.recording for row in ending.rows if row.state is not State.PUBLISHED]
    require(not lost, f"Not published: {', '.join(lost)}.")


def _label(stage: Stage, shown: Week) -> Draw:
    """Have the platform draw faces, and have them answered; return the draw."""
    run_id = stage.run(QUEUE)
    drawn = stage.returned(QUEUE, run_id, "draw")
    require(drawn["queue_id"] is not None, "Nothing was drawn to be labelled.")
    draw = stage.lake.read(DRAW, keys.label_record(drawn["queue_id"]))
    require(len(draw.selected) > 0, f"{shown.study}: no face was drawn to be labelled.")
    content = answers(draw, shown)
    target = stage.path(keys.LABELS_INCOMING) / f"{draw.queue_id}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = stage.folder / f".answers-{os.getpid()}"
    draft.write_bytes(content)
    draft.replace(target)
    return draw


def _hand_in(stage: Stage, shown: Week, draw: Draw, began: datetime) -> str:
    """Have the answers read; return the evaluation that they start."""
    stage.run(INTAKE)
    run_id = stage.started_since(EVALUATION, began)
    stage.finish(EVALUATION, run_id)
    labelled = stage.lake.read(SUMMARY, keys.LABEL_SUMMARY)
    queue = next(item for item in labelled.queues if item.queue_id == draw.queue_id)
    require(
        queue.labelled == len(draw.selected),
        f"{shown.study}: {queue.labelled} of {len(draw.selected)} faces have a label.",
    )
    return run_id


def _told(
    stage: Stage, shown: Week, outcome: Mapping[str, Any], document: EvaluationRecord, run_id: str
) -> Told:
    estimates = document.estimates
    accuracy = estimates.figures["accuracy"]
    text = (
        f"version {outcome['model_version']} is {outcome['health']}: {outcome['reason']} Accuracy "
        f"{interval(accuracy)} of what was published, n = {estimates.judged_n} labels of "
        f"{estimates.respondents_n} respondents"
    )
    return Told(
        shown.study,
        text,
        run=(EVALUATION, run_id),
        path=stage.path(outcome["key"]).with_name("index.html"),
        figures={
            "health": outcome["health"],
            "model_version": str(outcome["model_version"]),
            "accuracy": accuracy,
            "key": outcome["key"],
        },
    )


def interval(figure: Estimate, *, signed: bool = False) -> str:
    """Say a share of faces with its 95 % interval, or a difference of shares in points."""
    return words.points(figure, said=True) if signed else words.share(figure, said=True)


def alarms(stage: Stage) -> list[str]:
    """Return the titles of what people were warned of so far."""
    found = []
    for key in stage.lake.list(keys.NOTICES):
        if key.endswith("/notice.json"):
            notice = stage.lake.read(CLAIMED, key)
            if notice.severity != Severity.INFO:
                found.append(notice.title)
    return sorted(found)
