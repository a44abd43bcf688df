"""From published instants to a decision: queue, tasks, answers, estimates, rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from include.contracts.labels import EXPRESSIONS
from include.labelling.estimate import estimate
from include.labelling.exports import read_answers
from include.labelling.health import Health, Reference, decide
from include.labelling.queue import DRAW, Draw, Source, labelled_sample
from include.labelling.selection import Instant, Plan, Selected, select
from include.labelling.tasks import tasks_bytes
from include.labelling.votes import counts
from include.statistics.estimate import Estimate


def published(n: int) -> list[Instant]:
    answers = np.random.default_rng(1).dirichlet(np.full(7, 0.3), n)
    people = [f"p{row % 30}" for row in range(n)]
    return [
        Instant(f"e{row:04d}-0000000-00", "ad", who, who, "f1", tuple(answer))
        for row, (who, answer) in enumerate(zip(people, answers.tolist(), strict=True))
    ]


def draw_of(selected: list[Selected], plan: Plan, *, other_model: int = 0) -> Draw:
    """The first `other_model` extractions were answered by another package."""
    sources = {
        item.instant.row_id.partition("-")[0]: Source(
            "a", "m", "1", "old" if number < other_model else "new", "2026-11-02T00:00:00+00:00"
        )
        for number, item in enumerate(selected)
    }
    week = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
    abstained = frozenset({selected[-1].instant.row_id})
    return Draw("q1", *week, plan, 900, sources, tuple(selected), abstained)


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
    draw = draw_of(selected, plan)
    assert DRAW.read(DRAW.write(draw), "q1.json") == draw
    tasks = tasks_bytes(selected, pictures="s3://bucket/crops", queue_id="q1")
    export = answer(tasks, selected, wrong_every)
    reading = read_answers("q1.json", export, asked=draw.asked)
    sample = labelled_sample([draw], counts(reading.votes), model_sha256="new")
    assert sample is not None
    assert sample.abstained.tolist() == [False] * (len(selected) - 1) + [True]
    assert (sample.votes.sum(axis=1) == 2).all()
    sealed = Reference("the sealed figures", {"accuracy": Estimate(0.9, 0.89, 0.91, 3000)})
    assert decide(estimate(sample, resamples=100), [sealed]).health is health


def test_nothing_labelled_yet() -> None:
    draw = draw_of(select(published(20), Plan()), Plan())
    assert labelled_sample([draw], {}, model_sha256="new") is None


def test_only_what_the_model_published_counts() -> None:
    draw = draw_of(select(published(20), Plan()), Plan(), other_model=5)
    votes = {row_id: np.eye(10, dtype=np.int64)[0] for row_id in draw.asked}
    sample = labelled_sample([draw], votes, model_sha256="new")
    assert sample is not None
    assert len(sample.respondents) == 15
    assert labelled_sample([draw], votes, model_sha256="another") is None


def test_a_record_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"q1\.json: schema is 7"):
        DRAW.read(b'{"schema": 7}', "q1.json")
