"""Erasure in the ledger: whose rows, what is held, and that nothing of them is left."""

from __future__ import annotations

from include.ledger.ledger import Ledger, State
from tests.unit.ledger.support import SETTINGS, Clock, incoming
from tests.unit.ledger.test_reanalysis import NEW, OLD, publish, reopen


def _names(ledger: Ledger, study: str, *names: str) -> list[tuple[str, str, str]]:
    rows = ledger.erasure.uploads(study, names)
    return [(row.study, row.recording, row.version) for row in rows]


def test_uploads_are_all_versions_and_all_names_of_the_same_bytes(
    ledger: Ledger, clock: Clock
) -> None:
    # In these tests the bytes are those of name and version, whatever the study.
    publish(ledger, clock, "s/a.mp4", "s/b.mp4", "t/a.mp4")
    publish(ledger, clock, "t/a.mp4", version="v2")
    assert _names(ledger, "s", "a.mp4") == [
        ("s", "a.mp4", "v1"),
        ("t", "a.mp4", "v1"),
        ("t", "a.mp4", "v2"),
    ]
    assert _names(ledger, "s", "b.mp4") == [("s", "b.mp4", "v1")]
    assert _names(ledger, "s", "c.mp4") == _names(ledger, "s") == []


def test_what_is_in_work_or_analysed_again_is_not_held(ledger: Ledger, clock: Clock) -> None:
    (published,) = publish(ledger, clock, "s/a.mp4")
    ledger.observe([incoming("s/b.mp4")], clock())
    (batch_id,) = ledger.claim("run", clock.advance(60), SETTINGS)
    (claimed,) = ledger.recordings(batch_id)
    book, both = ledger.erasure, {published.id, claimed.id}
    assert [row.id for row in book.hold(both, 600)] == [claimed.id]
    assert ledger.recording(published.id) == published, "all or nothing"
    clock.advance(SETTINGS.lease_s + 1)
    reopen(ledger, "again", NEW)
    assert [row.id for row in book.hold(both, 600)] == [published.id]
    clock.advance(601)
    assert book.hold(both, 600) == []
    held = [ledger.recording(number) for number in both]
    assert {(row.state, row.reason_code) for row in held} == {(State.FAILED, "erased")}
    assert ledger.claim("next", clock.advance(60), SETTINGS) == []
    assert ledger.reanalyses.scope(None, None, None) == []
    assert book.hold(both, 600) == [], "holding is repeated"


def test_nothing_of_them_is_left_and_the_others_stay(ledger: Ledger, clock: Clock) -> None:
    gone, stays = publish(ledger, clock, "s/a.mp4", "s/b.mp4")
    batch = reopen(ledger, "again", NEW)
    shards = ("x-a.mp4-v1-00000.tar", "x-b.mp4-v1-00000.tar")
    ledger.record_job("job", batch_id=batch.batch_id, generation=0, spec_hash="h", shards=shards)
    book = ledger.erasure
    assert book.models() == {OLD.sha256, NEW.sha256}
    assert book.analyses([gone.id]) == {"a-a.mp4-v1"}
    assert book.jobs(["x-a.mp4-v1"]) == {"job"}
    for _ in range(2):
        book.forget([gone.id], ["x-a.mp4-v1"])
    assert ledger.erasure.uploads("s", ["a.mp4"]) == []
    assert [item.recording.id for item in ledger.reanalyses.of_batch(batch.batch_id)] == [stays.id]
    (job,) = ledger.jobs(batch.batch_id)
    assert job.shards == shards[1:]
    assert book.jobs(["x-a.mp4-v1"]) == set()
    assert ledger.recording(stays.id) == stays
