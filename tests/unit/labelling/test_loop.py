"""From published instants to a decision: queue, tasks, answers, estimates, rule."""

from __future__ import annotations

import json

import numpy as np
import pytest

from include.contracts.labels import EXPRESSIONS
from include.labelling.estimate import estimate
from include.labelling.exports import read_answers
from include.labelling.health import Health, Reference, decide
from include.labelling.queue import labelled_sample, queue_bytes, read_queue
from include.labelling.selection import Instant, Plan, Selected, select
from include.labelling.tasks import tasks_bytes
from include.labelling.votes import counts
from ml.evaluation.bootstrap import Figure


def published(n: int) -> list[Instant]:
    answers = np.random.default_rng(1).dirichlet(np.full(7, 0.3), n)
    people = [f"p{row % 30}" for row in range(n)]
    return [
        Instant(f"e{row:04d}", "ad", who, who, "f1", tuple(answer))
        for row, (who, answer) in enumerate(zip(people, answers.tolist(), strict=True))
    ]


def answer(tasks: bytes, selected: list[Selected], wrong_every: int) -> bytes:
    """Annotators agree with the model but on every so many-th face."""
    said = {}
    for number, item in enumerate(selected):
        index = int(np.argmax(item.instant.champion)) + (number % wrong_every == 0)
        said[item.instant.row_id] = EXPRESSIONS[index % 7]
    export = [
        {
            **task,
            "annotations": [
                {
                    "completed_by": person,
                    "was_cancelled": False,
                    "updated_at": "2026-11-02T10:00:00Z",
                    "result": [
                        {
                            "from_name": "displayed_expression",
                            "value": {"choices": [said[task["data"]["row_id"]]]},
                        }
                    ],
                }
                for person in (1, 2)
            ],
        }
        for task in json.loads(tasks)
    ]
    return json.dumps(export).encode()


@pytest.mark.parametrize(("wrong_every", "health"), [(1000, Health.HEALTHY), (2, Health.DEGRADED)])
def test_a_queue_becomes_a_decision(wrong_every: int, health: Health) -> None:
    plan = Plan(random=120, uncertainty=60, disagreement=0)
    selected = select(published(900), plan)
    assert read_queue(queue_bytes("q1", plan, selected)) == selected
    tasks = tasks_bytes(selected, pictures="s3://bucket/crops", queue_id="q1")
    asked = {item.instant.row_id for item in selected}
    reading = read_answers("q1.json", answer(tasks, selected, wrong_every), asked=asked)
    sample = labelled_sample(selected, counts(reading.votes), abstained=())
    assert sample is not None
    assert (sample.votes.sum(axis=1) == 2).all()
    sealed = Reference("the sealed figures", {"accuracy": Figure(0.9, 0.89, 0.91, 3000)})
    assert decide(estimate(sample, resamples=100), [sealed]).health is health


def test_nothing_labelled_yet() -> None:
    assert labelled_sample(select(published(20), Plan()), {}, abstained=()) is None


def test_a_record_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 7"):
        read_queue(b'{"version": 7}')
