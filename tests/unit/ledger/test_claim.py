"""Claims: bounded, idempotent per run, exclusive between processes, taken over when dead."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from collections import Counter
from datetime import timedelta

import pytest

from include.ledger import intake
from include.ledger.ledger import ATTEMPTS_EXHAUSTED, Ledger, State
from include.settings import DiscoverySettings
from tests.unit.ledger.support import SETTINGS, Clock, incoming, listing

FORK = multiprocessing.get_context("fork")


def test_claims_are_bounded_and_oldest_first(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(6), clock())
    ledger.observe(listing(6) + listing(6, "s/later"), clock.advance(10))
    clock.advance(60)

    first = ledger.claim("run 1", clock(), SETTINGS)
    second = ledger.claim("run 2", clock(), SETTINGS)
    third = ledger.claim("run 3", clock(), SETTINGS)

    assert [len(ledger.recordings(batch_id)) for batch_id in first + second] == [4, 4, 4]
    assert third == []
    names = [item.recording for batch_id in first for item in ledger.recordings(batch_id)]
    assert names[:6] == [f"r{number:05d}.mp4" for number in range(6)]


def test_the_same_run_gets_the_same_batches(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(20), clock())
    clock.advance(30)

    first = ledger.claim("scheduled__2026-03-01T12:00:00+00:00", clock(), SETTINGS)
    again = ledger.claim("scheduled__2026-03-01T12:00:00+00:00", clock.advance(90), SETTINGS)

    assert first == again
    assert len(first) == 2
    assert ledger.counts()[State.CLAIMED] == 8
    assert all(re.fullmatch(r"batch-20260301T120030Z-[0-9a-f]{8}-00[12]", item) for item in first)
    assert ledger.batch(first[0]).run_key == "scheduled__2026-03-01T12:00:00+00:00"


def test_only_cleared_studies_are_claimed(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("yes/a.mp4"), incoming("no/b.mp4")], clock())
    clock.advance(30)

    assert ledger.claimable_studies(clock(), SETTINGS) == ["no", "yes"]
    assert ledger.claim("none", clock(), SETTINGS, studies=[]) == []
    (batch_id,) = ledger.claim("some", clock(), SETTINGS, studies=["yes"])
    assert [item.study for item in ledger.recordings(batch_id)] == ["yes"]


def test_a_dead_claim_is_taken_over_until_its_attempts_are_used_up(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.observe(listing(1), clock())
    clock.advance(30)
    (first,) = ledger.claim("run 1", clock(), SETTINGS)
    (item,) = ledger.recordings(first)
    ledger.identify(item.id, video_id="v", extraction_id="e")
    ledger.mark_extracted(item.id)

    assert ledger.claim("run 2", clock.advance(SETTINGS.lease_s), SETTINGS) == []
    (second,) = ledger.claim("run 3", clock.advance(1), SETTINGS)
    (taken,) = ledger.recordings(second)
    assert (taken.id, taken.state, taken.attempts) == (item.id, State.CLAIMED, 2)
    assert taken.extraction_id == "e"
    assert ledger.recordings(first) == []

    assert ledger.claim("run 4", clock.advance(SETTINGS.lease_s + 1), SETTINGS) == []
    failed = ledger.recording(item.id)
    assert (failed.state, failed.reason_code) == (State.FAILED, ATTEMPTS_EXHAUSTED)
    assert failed.reason


def test_a_renewed_lease_is_not_taken_over(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(2), clock())
    clock.advance(30)
    (batch_id,) = ledger.claim("run 1", clock(), SETTINGS)
    clock.advance(SETTINGS.lease_s - 1)

    assert ledger.renew_lease(batch_id, SETTINGS.lease_s) == 2
    assert ledger.claim("run 2", clock.advance(100), SETTINGS) == []


def test_a_released_recording_is_claimed_again_then_fails(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(1), clock())
    clock.advance(30)
    (first,) = ledger.claim("run 1", clock(), SETTINGS)
    (item,) = ledger.recordings(first)

    assert ledger.release_or_fail(item.id, reason="store down", max_attempts=2) == State.DISCOVERED
    assert ledger.release_or_fail(item.id, reason="store down", max_attempts=2) == State.DISCOVERED
    assert [found.state for found in ledger.recordings(first)] == [State.DISCOVERED]
    (second,) = ledger.claim("run 2", clock(), SETTINGS)
    assert ledger.release_or_fail(item.id, reason="store down", max_attempts=2) == State.FAILED
    (failed,) = ledger.recordings(second)
    assert (failed.reason_code, failed.reason) == (ATTEMPTS_EXHAUSTED, "store down")


def _claim_in_child(url: str, run_key: str, clock: Clock, start: object, results: object) -> None:
    ledger = Ledger.open(url, clock=clock)
    start.wait()  # type: ignore[attr-defined]
    batch_ids = ledger.claim(run_key, clock(), SETTINGS)
    results.put((run_key, batch_ids))  # type: ignore[attr-defined]


def test_processes_never_share_a_recording(url: str, clock: Clock) -> None:
    ledger = Ledger.open(url, clock=clock)
    ledger.observe(listing(20), clock())
    clock.advance(30)
    start, results = FORK.Barrier(5), FORK.Queue()
    # Five claimers, of which two are the same run started twice.
    keys = ["run 1", "run 2", "run 3", "run 4", "run 4"]
    children = [
        FORK.Process(target=_claim_in_child, args=(url, key, clock, start, results)) for key in keys
    ]
    for child in children:
        child.start()
    claimed = [results.get(timeout=60) for _ in children]
    for child in children:
        child.join(timeout=60)
        assert child.exitcode == 0

    by_run = {key: [found for name, found in claimed if name == key] for key in set(keys)}
    assert by_run["run 4"][0] == by_run["run 4"][1]
    held = Counter(
        item.id
        for (batch_ids, *_) in by_run.values()
        for batch_id in batch_ids
        for item in ledger.recordings(batch_id)
    )
    assert len(held) == 20
    assert set(held.values()) == {1}
    assert ledger.counts()[State.CLAIMED] == 20


def _claim_then_die(url: str, clock: Clock, *, before_commit: bool) -> None:
    ledger = Ledger.open(url, clock=clock)
    if before_commit:
        hold, calls = intake._hold, []

        def die_at_second_batch(*args: object) -> None:
            calls.append(1)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            hold(*args)  # type: ignore[arg-type]

        intake._hold = die_at_second_batch  # type: ignore[assignment]
    ledger.claim("run", clock(), SETTINGS)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("before_commit", [True, False], ids=["in the claim", "after the claim"])
def test_a_run_killed_around_its_claim_gets_whole_batches_on_retry(
    url: str, clock: Clock, before_commit: bool
) -> None:
    ledger = Ledger.open(url, clock=clock)
    ledger.observe(listing(8), clock())
    clock.advance(30)
    child = FORK.Process(
        target=_claim_then_die, args=(url, clock), kwargs={"before_commit": before_commit}
    )
    child.start()
    child.join(timeout=60)
    assert child.exitcode == -signal.SIGKILL
    assert ledger.counts()[State.CLAIMED] == (0 if before_commit else 8)
    batches_of_dead_run = {item.batch_id for item in _all(ledger)} - {None}

    retried = ledger.claim("run", clock.advance(5), SETTINGS)

    assert [len(ledger.recordings(batch_id)) for batch_id in retried] == [4, 4]
    if not before_commit:
        assert set(retried) == batches_of_dead_run
    assert ledger.claim("run", clock.advance(5), SETTINGS) == retried
    assert ledger.claim("another run", clock(), SETTINGS) == []


def _all(ledger: Ledger) -> list:  # type: ignore[type-arg]
    return ledger._select()


def test_ids_of_runs_in_the_same_second_differ(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(2), clock())
    clock.advance(30)
    one = DiscoverySettings(max_videos_per_batch=1, max_batches_per_run=1)

    ids = ledger.claim("a", clock(), one) + ledger.claim("b", clock(), one)

    assert len(set(ids)) == 2
    assert clock() - ledger.batch(ids[0]).created_at == timedelta(0)
