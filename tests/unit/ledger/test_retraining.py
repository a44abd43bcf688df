"""The book of retraining on both databases: cool-down, cap, races, ends, jobs."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from typing import Any

import pytest

from include.ledger.ledger import Ledger
from include.ledger.models import JobStatus, LedgerConflictError
from include.ledger.retraining import Ask, RetrainingBook
from include.ledger.retraining_tables import RequestState, RetrainingRequest
from tests.unit.ledger.support import Clock

HOUR = 3600.0
ASK = Ask(reason="degraded", evidence="", recipe="small", asked_by="platform")


@pytest.fixture
def book(ledger: Ledger) -> RetrainingBook:
    return ledger.retraining


def _ask(book: RetrainingBook, **changes: Any) -> RetrainingRequest:
    return book.ask(replace(ASK, **changes), cooldown_s=24 * HOUR, daily_cap=2)


def _end(book: RetrainingBook, request: RetrainingRequest) -> None:
    assert request.run_id is not None
    book.start(request.run_id, HOUR)
    book.finish(request.run_id, RequestState.REJECTED, why="not better")


def test_a_second_request_within_the_cooldown_is_recorded_and_starts_nothing(
    book: RetrainingBook, clock: Clock
) -> None:
    first = _ask(book)
    assert first.state is RequestState.ACCEPTED
    _end(book, first)
    clock.advance(23 * HOUR)
    second = _ask(book, reason="red_audit", evidence="audits/1.json")

    assert (second.state, second.run_id) == (RequestState.REFUSED, None)
    assert "cool-down" in second.why
    assert [item.state for item in book.requests()] == [RequestState.REJECTED, RequestState.REFUSED]
    clock.advance(HOUR)
    assert _ask(book, reason="red_audit", evidence="audits/1.json").state is RequestState.ACCEPTED


def test_a_request_while_a_run_is_under_way_is_refused_until_its_lease_is_over(
    book: RetrainingBook, clock: Clock
) -> None:
    first = _ask(book)
    assert first.run_id
    book.start(first.run_id, 48 * HOUR)
    clock.advance(47 * HOUR)
    assert "is under way" in _ask(book).why
    clock.advance(2 * HOUR)
    assert _ask(book).state is RequestState.ACCEPTED


def test_the_daily_cap_holds_for_people_too(book: RetrainingBook, clock: Clock) -> None:
    for hour in range(2):
        _end(book, _ask(book, reason="manual", run_id=f"manual__{hour}", in_cooldown=True))
        clock.advance(HOUR)
    third = _ask(book, reason="manual", run_id="manual__3", in_cooldown=True)

    assert third.state is RequestState.REFUSED
    assert "FEX_RETRAINING__DAILY_CAP=2" in third.why
    clock.advance(23 * HOUR)
    again = _ask(book, reason="manual", run_id="manual__3", in_cooldown=True)
    assert (again.state, again.run_id) == (RequestState.ACCEPTED, "manual__3")


def test_a_repeated_task_gets_the_run_that_was_accepted(book: RetrainingBook, clock: Clock) -> None:
    first = _ask(book, evidence="evaluations/7.json")
    clock.advance(30 * HOUR)

    assert _ask(book, evidence="evaluations/7.json") == first
    assert len(book.requests()) == 1


def test_an_accepted_request_whose_run_never_came_blocks_for_an_hour(
    book: RetrainingBook, clock: Clock
) -> None:
    _ask(book)
    clock.advance(0.9 * HOUR)
    assert "is under way" in _ask(book, in_cooldown=True).why
    clock.advance(0.2 * HOUR)
    assert _ask(book, in_cooldown=True).state is RequestState.ACCEPTED


def _race(url: str, start: Any, answers: Any) -> None:
    book = Ledger.open(url).retraining
    start.wait()
    answers.put(_ask(book, reason="labels").state)


def test_of_processes_that_ask_at_once_one_is_accepted(url: str, ledger: Ledger) -> None:
    fork = multiprocessing.get_context("fork")
    start, answers = fork.Barrier(4), fork.Queue()
    children = [fork.Process(target=_race, args=(url, start, answers)) for _ in range(4)]
    for child in children:
        child.start()
    found = sorted(answers.get(timeout=60) for _ in children)
    for child in children:
        child.join(timeout=60)

    assert found == [RequestState.ACCEPTED, *[RequestState.REFUSED] * 3]
    assert len(ledger.retraining.requests()) == 4


def test_an_end_is_recorded_once(book: RetrainingBook) -> None:
    request = _ask(book)
    run_id = request.run_id or ""
    assert book.start(run_id, HOUR).started_at == book.start(run_id, HOUR).started_at
    ended = book.finish(run_id, RequestState.PROMOTED)
    assert (ended.state, ended.lease_until) == (RequestState.PROMOTED, None)
    assert book.finish(run_id, RequestState.PROMOTED) == ended
    with pytest.raises(LedgerConflictError, match="ended promoted"):
        book.finish(run_id, RequestState.FAILED)
    with pytest.raises(LedgerConflictError, match="has ended"):
        book.start(run_id, HOUR)
    with pytest.raises(LedgerConflictError, match="no retraining was accepted"):
        book.start("manual__unheard_of", HOUR)
    with pytest.raises(ValueError, match="no end"):
        book.finish(run_id, RequestState.RUNNING)


def test_a_training_job_is_recorded_before_it_is_created_and_followed_only_after_a_failure(
    book: RetrainingBook,
) -> None:
    request = _ask(book)
    spec = {"request_id": request.request_id, "spec_hash": "a"}
    first = book.record_job("train-0", generation=0, **spec)
    assert book.record_job("train-0", generation=0, **spec) == first
    with pytest.raises(LedgerConflictError, match="another specification"):
        book.record_job("train-0", request_id=request.request_id, generation=0, spec_hash="b")
    with pytest.raises(LedgerConflictError, match="recorded failure"):
        book.record_job("train-1", generation=1, **spec)
    with pytest.raises(LedgerConflictError, match="next generation is 1"):
        book.record_job("train-2", generation=2, **spec)
    closed = book.close_job("train-0", JobStatus.FAILED, failure_reason="spot capacity")
    assert closed == book.close_job("train-0", JobStatus.FAILED)
    with pytest.raises(LedgerConflictError, match="ended failed"):
        book.close_job("train-0", JobStatus.COMPLETED)
    with pytest.raises(LedgerConflictError, match="there is no job"):
        book.close_job("train-9", JobStatus.FAILED)
    book.record_job("train-1", generation=1, **spec)
    assert [job.name for job in book.jobs(request.request_id)] == ["train-0", "train-1"]
