"""Entering listings: what is new, what grows, what is gone."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from include.ledger.ledger import SUPERSEDED, Ledger, Recording, State
from tests.unit.ledger.support import SETTINGS, Clock, incoming, listing


def claim_all(ledger: Ledger, clock: Clock, run_key: str = "run") -> list[Recording]:
    batch_ids = ledger.claim(run_key, clock(), SETTINGS)
    return [item for batch_id in batch_ids for item in ledger.recordings(batch_id)]


def test_a_listing_is_entered_once(ledger: Ledger, clock: Clock) -> None:
    first = ledger.observe(listing(3), clock())
    second = ledger.observe(listing(3), clock.advance(60))

    assert (first.listed, first.new) == (3, 3)
    assert (second.listed, second.new, second.changed, second.gone) == (3, 0, 0, 0)
    assert ledger.counts()[State.DISCOVERED] == 3


def test_a_growing_file_keeps_one_row_and_is_claimed_when_it_rests(
    ledger: Ledger, clock: Clock
) -> None:
    for size in range(1, 6):
        ledger.observe([incoming("s/a.mp4", f"v{size}", size_bytes=size)], clock.advance(25))
        assert claim_all(ledger, clock, f"run {size}") == []
    ledger.observe([incoming("s/a.mp4", "v5", size_bytes=5)], clock.advance(29))
    assert claim_all(ledger, clock, "too early") == []
    ledger.observe([incoming("s/a.mp4", "v5", size_bytes=5)], clock.advance(1))

    (claimed,) = claim_all(ledger, clock, "at last")

    assert (claimed.version, claimed.size_bytes, claimed.attempts) == ("v5", 5, 1)
    assert ledger.counts()[State.DISCOVERED] == 0


def test_many_files_grow_at_once(ledger: Ledger, clock: Clock) -> None:
    for size in (1, 2, 3):
        objects = [incoming(f"s/{n}.mp4", f"v{size}", size_bytes=size) for n in range(5)]
        summary = ledger.observe([*objects, *listing(2)], clock.advance(30))

    assert (summary.new, summary.changed) == (0, 5)
    assert sorted(item.recording for item in claim_all(ledger, clock)) == [
        "r00000.mp4",
        "r00001.mp4",
    ]


def test_a_new_version_of_a_published_recording_is_new_work(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("s/a.mp4")], clock())
    clock.advance(30)
    (old,) = claim_all(ledger, clock)
    publish(ledger, old)

    summary = ledger.observe([incoming("s/a.mp4", "v2")], clock())
    clock.advance(30)
    (new,) = claim_all(ledger, clock, "next")

    assert summary.new == 1
    assert (new.version, new.uri) == ("v2", old.uri)
    assert new.object_id != old.object_id
    assert ledger.recording(old.id).state == State.PUBLISHED


def test_a_version_in_work_finishes_although_a_newer_one_is_there(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.observe([incoming("s/a.mp4")], clock())
    clock.advance(30)
    (old,) = claim_all(ledger, clock)
    ledger.observe([incoming("s/a.mp4", "v2")], clock())

    publish(ledger, old)

    assert ledger.recording(old.id).state == State.PUBLISHED
    assert ledger.counts()[State.DISCOVERED] == 1


def test_a_version_in_work_that_is_released_is_superseded(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("s/a.mp4")], clock())
    clock.advance(30)
    (old,) = claim_all(ledger, clock)
    ledger.observe([incoming("s/a.mp4", "v2")], clock())

    state = ledger.release_or_fail(old.id, reason="changed while it was read", max_attempts=5)

    assert state == State.FAILED
    assert ledger.recording(old.id).reason_code == SUPERSEDED


def test_a_version_that_comes_back_is_work_again(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("s/a.mp4", "A")], clock())
    clock.advance(30)
    (in_work,) = claim_all(ledger, clock)
    ledger.observe([incoming("s/a.mp4", "B")], clock())
    ledger.release_or_fail(in_work.id, reason="stopped", max_attempts=5)

    ledger.observe([incoming("s/a.mp4", "A")], clock.advance(1))
    clock.advance(30)
    (again,) = claim_all(ledger, clock, "next")

    assert (again.id, again.version, again.attempts) == (in_work.id, "A", 1)
    assert ledger.counts() | {State.CLAIMED: 1, State.FAILED: 1} == ledger.counts()


def test_a_superseded_successor_does_not_stop_a_takeover(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("s/a.mp4", "A")], clock())
    clock.advance(30)
    (held,) = claim_all(ledger, clock)
    ledger.observe([incoming("s/a.mp4", "B")], clock())
    ledger.observe([incoming("s/a.mp4", "A")], clock())
    clock.advance(SETTINGS.lease_s + 1)

    (taken,) = claim_all(ledger, clock, "next")

    assert (taken.id, taken.attempts) == (held.id, 2)


def test_what_disappears_is_not_claimed_until_it_rests_again(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(2), clock())
    gone = ledger.observe(listing(1), clock.advance(30))
    assert gone.gone == 1
    assert [item.recording for item in claim_all(ledger, clock)] == ["r00000.mp4"]

    ledger.observe(listing(2), clock.advance(30))
    assert claim_all(ledger, clock, "back just now") == []
    ledger.observe(listing(2), clock.advance(30))
    assert len(claim_all(ledger, clock, "rested")) == 1


def test_an_empty_listing_leaves_nothing_to_claim(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(3), clock())
    assert ledger.observe([], clock.advance(60)).gone == 3
    assert claim_all(ledger, clock) == []


def test_unusable_objects_wait_for_quarantine(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("s/a.mp4", problem="it is a symbolic link")], clock())
    clock.advance(60)

    assert claim_all(ledger, clock) == []
    (found,) = ledger.unusable()
    ledger.quarantine(found.id, code="unusable_key", reason="no", result_key="quarantine/x")
    assert ledger.unusable() == []
    assert ledger.counts()[State.QUARANTINED] == 1


def test_text_of_any_kind_survives(ledger: Ledger, clock: Clock) -> None:
    names = ["s/new\nline\ttab.mp4", "s/日本語 🎬.mp4", "s/q\"uo'te;--.mp4", "s/" + "x" * 4000]
    ledger.observe([incoming(name) for name in names], clock())
    clock.advance(30)

    assert {item.key for item in claim_all(ledger, clock)} == {f"incoming/{n}" for n in names}


def test_naive_times_are_refused(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="aware"):
        ledger.observe(listing(1), datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_ten_thousand_keys(ledger: Ledger, clock: Clock) -> None:
    objects = listing(10_000)
    start = time.perf_counter()
    ledger.observe(objects, clock())
    first_s = time.perf_counter() - start
    start = time.perf_counter()
    ledger.observe(objects, clock.advance(60))
    second_s = time.perf_counter() - start
    print(f"10,000 keys entered in {first_s:.2f} s, listed again in {second_s:.2f} s")

    assert ledger.counts()[State.DISCOVERED] == 10_000
    assert first_s < 15
    assert second_s < 10


def publish(ledger: Ledger, recording: Recording) -> None:
    ledger.identify(recording.id, video_id="v" * 64, extraction_id="e")
    ledger.mark_extracted(recording.id)
    ledger.mark_transformed(recording.id, analysis_id="a")
    ledger.mark_published(recording.id, result_key="published/x/manifest.json")
