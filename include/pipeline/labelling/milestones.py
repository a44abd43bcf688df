"""Enough new labels: asking for a retraining each time so many faces more have one."""

from __future__ import annotations

import logging
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.contracts.documents import Form
from include.governance.retraining.requests import ask
from include.lake import keys
from include.pipeline.labelling.tables import read_summary

if TYPE_CHECKING:
    from include.composition import Services

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Milestone:
    """That a retraining was started because so many faces were labelled.

    Attributes:
        faces: Labelled by then.
        since: Labelled when one was started before; 0 for the first.
        run_id: The retraining's run.
    """

    faces: int
    since: int
    run_id: str | None


MILESTONE = Form(Milestone)


def ask_for_retraining(services: Services) -> list[dict[str, Any]]:
    """Ask when `FEX_LABELS__RETRAIN_AFTER` faces were labelled since the last time it started.

    The milestone is noted only when a run may start: refused by the cool-down or the daily
    cap, it is asked again with the next labels.

    Returns:
        The run of `model_retraining` to start, or none.

    Raises:
        TransientError: The lake failed for now.
    """
    faces_n = read_summary(services.lake).faces
    milestones = services.lake.list(keys.LABEL_MILESTONES)
    reached = [int(posixpath.basename(key).removesuffix(".json")) for key in milestones]
    # A repeated task finds the milestone it noted itself and gets the same run again.
    last = max((number for number in reached if number < faces_n), default=0)
    if faces_n - last < services.settings.labels.retrain_after:
        return []
    evidence = keys.label_milestone(faces_n)
    answer = ask(services, reason="labels", evidence=evidence)
    if not answer.accepted:
        log.warning("%d faces are newly labelled, but: %s", faces_n - last, answer.why)
        return []
    reached_now = Milestone(faces_n, last, answer.run_id)
    services.lake.put_if_absent(evidence, MILESTONE.write(reached_now))
    return answer.triggers()
