"""Which draws an evaluation reads, what it compares, and the page that shows it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from include.contracts.labels import EXPRESSIONS
from include.labelling.evaluation import (
    EVALUATION,
    EvaluatedModel,
    Evaluation,
    EvaluationRecord,
    Window,
    evaluate,
)
from include.labelling.evaluation_page import render_evaluation
from include.labelling.health import Health, Reference, Rule
from include.labelling.queue import Draw, Source
from include.labelling.selection import Instant, Plan, select
from include.labelling.votes import ANSWERS, extraction_of
from include.statistics.estimate import Estimate

MODEL = EvaluatedModel("m", "2", "new")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(days=7)
SEALED = Reference(
    "the sealed test figures",
    {"accuracy": Estimate(0.85, 0.83, 0.87, 2700), "macro_f1": Estimate(0.8, 0.75, 0.85, 2700)},
)
PLAN = Plan(random=120, uncertainty=30, disagreement=0)

Votes = dict[str, npt.NDArray[np.int64]]


def week(number: int, *, right: float, model: str = "new", asked: int = 120) -> tuple[Draw, Votes]:
    """A draw of the so-many-th week, answered: the model is right on such a share."""
    generator = np.random.default_rng(number)
    answers = generator.dirichlet(np.full(7, 0.15), 600)
    instants = [
        Instant(f"w{number}x{row:04d}-0000000-00", "ad", "r", f"p{row % 30}", "f1", tuple(answer))
        for row, answer in enumerate(answers.tolist())
    ]
    selected = tuple(select(instants, replace(PLAN, random=asked, uncertainty=asked // 4)))
    sources = {
        extraction_of(item.row_id): Source("a", "m", "2", model, MONDAY.isoformat())
        for item in instants
    }
    until = MONDAY + number * WEEK
    draw = Draw(f"q{number}", until - WEEK, until, PLAN, 600, sources, selected, frozenset())
    votes: Votes = {}
    for item in selected:
        label = int(np.argmax(item.instant.champion))
        label = label if generator.random() < right else (label + 1) % 7
        votes[item.instant.row_id] = 2 * np.eye(len(ANSWERS), dtype=np.int64)[label]
    return draw, votes


def evaluated(
    *weeks: tuple[Draw, Votes], sealed: Reference | None = SEALED, at: int = 3
) -> Evaluation | None:
    votes = {row: vote for _, answered in weeks for row, vote in answered.items()}
    return evaluate(
        [draw for draw, _ in weeks],
        votes,
        MODEL,
        sealed,
        now=MONDAY + at * WEEK,
        max_age=8 * WEEK,
        rule=Rule(),
        resamples=200,
    )


def queues(window: Window) -> list[str]:
    return [draw.queue_id for draw in window.draws]


def kept(found: Evaluation, at: datetime = MONDAY) -> EvaluationRecord:
    """What is read of it once it was written."""
    return EVALUATION.read(EVALUATION.write(found.kept(at)), "evaluation.json")


def test_a_fall_from_one_week_to_the_next_is_seen() -> None:
    found = evaluated(week(1, right=0.9), week(2, right=0.5))
    assert found is not None
    assert queues(found.window) == ["q2"]
    assert found.before is not None
    assert queues(found.before) == ["q1"]
    assert found.decision.health is Health.DEGRADED
    assert {drop.reference for drop in found.decision.drops} == {
        "the sealed test figures",
        "the last window",
    }
    assert any("the last window" in reason for reason in found.decision.reasons)


def test_a_good_week_is_healthy() -> None:
    found = evaluated(week(1, right=0.92), week(2, right=0.92))
    assert found is not None
    assert found.decision.health is Health.HEALTHY


def test_a_queue_that_is_hardly_answered_yet_is_read_with_the_one_before() -> None:
    draw, votes = week(2, right=0.9)
    few = dict(list(votes.items())[:8])
    found = evaluated(week(1, right=0.9), (draw, few))
    assert found is not None
    assert queues(found.window) == ["q2", "q1"]
    assert found.before is None
    assert len(found.window.sample.respondents) > 108


def test_only_what_the_champion_published_is_evaluated() -> None:
    mine, other = week(1, right=0.9), week(2, right=0.1, model="old")
    found = evaluated(mine, other)
    assert found is not None
    assert queues(found.window) == ["q1"]
    assert found.decision.health is Health.HEALTHY
    assert evaluated(other) is None
    assert evaluated() is None


def test_old_draws_are_no_news_but_still_a_reference() -> None:
    old, new = week(0, right=0.9), week(8, right=0.9)
    found = evaluated(old, new, at=9)
    assert found is not None
    assert found.before is not None
    assert evaluated(old, at=9) is None


def test_without_labels_enough_or_a_reference_nothing_is_healthy() -> None:
    few = evaluated(week(1, right=1.0, asked=40))
    assert few is not None
    assert few.decision.health is Health.WATCH
    alone = evaluated(week(1, right=1.0), sealed=None)
    assert alone is not None
    assert alone.decision.health is Health.WATCH
    assert (
        "nothing to compare" in alone.decision.reasons[0]
        or "no figure" in (alone.decision.reasons[0])
    )


def test_the_same_labels_are_the_same_evaluation() -> None:
    one, again = evaluated(week(1, right=0.9)), evaluated(week(1, right=0.9))
    assert one is not None
    assert again is not None
    assert one.evaluation_id == again.evaluation_id
    assert kept(one) == kept(again)
    draw, votes = week(1, right=0.9)
    votes[next(iter(votes))] = np.eye(len(ANSWERS), dtype=np.int64)[0] * 3
    changed = evaluated((draw, votes))
    assert changed is not None
    assert changed.evaluation_id != one.evaluation_id


@pytest.fixture(scope="module")
def documents() -> list[EvaluationRecord]:
    weeks = [week(1, right=0.9), week(2, right=0.5)]
    found = [evaluated(weeks[0]), evaluated(*weeks)]
    return [
        kept(item, MONDAY + number * WEEK) for number, item in enumerate(found) if item is not None
    ]


def test_the_page_shows_decision_reasons_and_every_expression(
    documents: list[EvaluationRecord],
) -> None:
    page = render_evaluation(documents[1], documents[:1]).decode()
    assert "Version 2 is degraded" in page
    for reason in documents[1].decision.reasons:
        assert reason in page
    for name in EXPRESSIONS:
        assert f"{name.capitalize()}</th>" in page
    assert page.count('<circle class="point"') == 4 + 2, "four drops, two evaluations"
    assert "inner state" in page


def test_the_page_asks_nobody_and_runs_nothing(documents: list[EvaluationRecord]) -> None:
    model = replace(documents[0].model, name="<script>alert(1)</script>")
    document = replace(documents[0], model=model)
    page = render_evaluation(document, []).decode()
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=.https?:", page)
    assert "default-src 'none'" in page


def test_an_evaluation_that_judged_nothing_has_a_page() -> None:
    draw, votes = week(1, right=0.9)
    ties = {row: np.eye(len(ANSWERS), dtype=np.int64)[0] * 0 + 1 for row in votes}
    found = evaluated((draw, ties))
    assert found is not None
    assert found.decision.health is Health.WATCH
    page = render_evaluation(kept(found), []).decode()
    assert page.count('<p class="note">no label can be judged</p>') == 2
    assert page.count(">no label</td>") == len(EXPRESSIONS)
