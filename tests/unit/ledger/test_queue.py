"""What waits, how long, and what is in work."""

from __future__ import annotations

from include.ledger.ledger import Ledger
from include.ledger.queue import Queue
from tests.unit.ledger.support import SETTINGS, Clock, incoming, listing

MODEL = {"name": "m", "version": "1", "package_uri": "file:///m", "sha256": "0" * 64}


def test_an_empty_ledger_has_an_empty_queue(ledger: Ledger, clock: Clock) -> None:
    assert ledger.queue(clock(), SETTINGS) == Queue(0, None, 0, 0)


def test_an_upload_in_progress_does_not_wait_for_us(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("s/a.mp4")], clock())
    clock.advance(5000)
    ledger.observe([incoming("s/a.mp4", "v2", size_bytes=20)], clock())

    assert ledger.queue(clock(), SETTINGS).waiting == 0
    complete_since = clock()
    clock.advance(60)
    queue = ledger.queue(clock(), SETTINGS)
    assert (queue.waiting, queue.oldest_since) == (1, complete_since)


def test_what_is_refused_or_gone_does_not_wait(ledger: Ledger, clock: Clock) -> None:
    ledger.observe([incoming("s/a.mp4"), incoming("s/b.mp4", problem="odd name")], clock())
    ledger.observe([incoming("s/b.mp4", problem="odd name")], clock.advance(60))

    assert ledger.queue(clock.advance(60), SETTINGS).waiting == 0


def test_a_claim_waits_until_its_run_begins(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(10), clock())
    since = clock()
    clock.advance(40)
    first, _ = ledger.claim("run", clock(), SETTINGS)

    assert ledger.queue(clock(), SETTINGS) == Queue(10, since, 0, 0)
    ledger.pin_model(first, **MODEL)
    assert ledger.queue(clock(), SETTINGS) == Queue(6, since, 4, 0)


def test_claims_past_their_lease_are_overdue(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(4), clock())
    clock.advance(40)
    (batch_id,) = ledger.claim("run", clock(), SETTINGS)
    ledger.pin_model(batch_id, **MODEL)
    clock.advance(SETTINGS.lease_s + 1)

    assert ledger.queue(clock(), SETTINGS).overdue == 4


def test_what_has_ended_is_neither_waiting_nor_in_work(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(2), clock())
    clock.advance(40)
    (batch_id,) = ledger.claim("run", clock(), SETTINGS)
    for recording in ledger.recordings(batch_id):
        ledger.quarantine(recording.id, code="truncated", reason="r", result_key="k")

    assert ledger.queue(clock(), SETTINGS) == Queue(0, None, 0, 0)
