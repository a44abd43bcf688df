"""Re-analyses: what is in scope, what a batch of them holds, and that nothing else moves."""

from __future__ import annotations

import pytest

from include.ledger.ledger import Batch, Ledger, LedgerConflictError, Recording, State
from include.ledger.reanalysis import PinnedModel
from include.ledger.reanalysis_tables import ReanalysisState
from tests.unit.ledger.support import SETTINGS, Clock, incoming

OLD, NEW, THIRD = (
    PinnedModel("m", version, f"file:///{version}", version * 64) for version in "123"
)


def publish(ledger: Ledger, clock: Clock, *names: str, version: str = "v1") -> list[Recording]:
    """Bring recordings from a listing to published, by the old model."""
    ledger.observe([incoming(name, version) for name in names], clock())
    now = clock.advance(60)
    done = []
    for batch_id in ledger.claim(f"run-{now.isoformat()}", now, SETTINGS):
        ledger.pin_model(
            batch_id, name="m", version="1", package_uri=OLD.package_uri, sha256=OLD.sha256
        )
        for item in ledger.recordings(batch_id):
            identity = f"{item.recording}-{item.version}"
            ledger.identify(item.id, video_id=identity, extraction_id=f"x-{identity}")
            ledger.mark_extracted(item.id)
            ledger.mark_transformed(item.id, analysis_id=f"a-{identity}")
            ledger.mark_published(item.id, result_key=f"published/{identity}")
            done.append(ledger.recording(item.id))
    return done


def reopen(ledger: Ledger, run_key: str, model: PinnedModel, study: str | None = None) -> Batch:
    """A batch of everything in scope."""
    scope = ledger.reanalyses.scope(study, None, None)
    return ledger.reanalyses.open(
        run_key, model, {item.recording.id: item.front_key for item in scope}
    )


def test_the_scope_is_the_newest_published_version_of_each_recording(
    ledger: Ledger, clock: Clock
) -> None:
    publish(ledger, clock, "s/a.mp4", "s/b.mp4", "t/a.mp4")
    between = clock.advance(3600)
    publish(ledger, clock, "s/a.mp4", version="v2")
    ledger.observe([incoming("s/c.mp4")], clock())
    book = ledger.reanalyses

    def names(study=None, since=None, until=None) -> list[tuple[str, str, str]]:
        found = book.scope(study, since, until)
        return [(s.recording.study, s.recording.recording, s.recording.version) for s in found]

    everything = [("s", "b.mp4", "v1"), ("t", "a.mp4", "v1"), ("s", "a.mp4", "v2")]
    assert names() == everything
    assert names("s") == [everything[0], everything[2]]
    assert names(since=between) == [everything[2]]
    assert names(until=between) == everything[:2]
    assert names("nobody") == []
    assert book.studies() == ["s", "t"]


def test_a_batch_pins_its_model_and_is_opened_once_for_a_run(ledger: Ledger, clock: Clock) -> None:
    publish(ledger, clock, "s/a.mp4", "s/b.mp4")
    assert ledger.reanalyses.opened("r") is None
    batch = reopen(ledger, "r", NEW)
    assert batch.model_sha256 == NEW.sha256
    assert ledger.batch(batch.batch_id) == batch == ledger.reanalyses.opened("r")
    clock.advance(60)
    publish(ledger, clock, "s/late.mp4")
    assert reopen(ledger, "r", THIRD) == batch
    entries = ledger.reanalyses.of_batch(batch.batch_id)
    assert [entry.recording.recording for entry in entries] == ["a.mp4", "b.mp4"]
    assert {entry.state for entry in entries} == {ReanalysisState.OPEN}
    assert [entry.before_key for entry in entries] == ["published/a.mp4-v1", "published/b.mp4-v1"]


def test_a_batch_asks_for_the_extractions_of_its_open_re_analyses_alone(
    ledger: Ledger, clock: Clock
) -> None:
    first, second = publish(ledger, clock, "s/a.mp4", "s/b.mp4")
    assert ledger.extractions(first.batch_id) == []
    batch = reopen(ledger, "r", NEW).batch_id
    assert ledger.extractions(batch) == ["x-a.mp4-v1", "x-b.mp4-v1"]
    ledger.reanalyses.mark_published(batch, first.id, analysis_id="n", result_key="published/n")
    assert ledger.extractions(batch) == ["x-b.mp4-v1"]
    ledger.reanalyses.leave_out(batch, second.id, why="gone")
    assert ledger.extractions(batch) == []


def test_the_recordings_stay_as_they_were(ledger: Ledger, clock: Clock) -> None:
    before = publish(ledger, clock, "s/a.mp4", "s/b.mp4")
    batch = reopen(ledger, "r", NEW).batch_id
    clock.advance(60)
    ledger.reanalyses.mark_published(batch, before[0].id, analysis_id="n", result_key="k")
    ledger.reanalyses.mark_in_front(batch, before[0].id)
    ledger.reanalyses.leave_out(batch, before[1].id, why="gone")
    assert [ledger.recording(item.id) for item in before] == before
    assert ledger.recordings(batch) == []
    assert ledger.renew_lease(batch, 60) == 0
    assert ledger.counts()[State.PUBLISHED] == 2


def test_steps_may_be_repeated_and_contradictions_are_refused(ledger: Ledger, clock: Clock) -> None:
    one, two = publish(ledger, clock, "s/a.mp4", "s/b.mp4")
    batch, book = reopen(ledger, "r", NEW).batch_id, ledger.reanalyses
    with pytest.raises(LedgerConflictError, match="open"):
        book.mark_in_front(batch, one.id)
    book.note(batch, one.id, "the lake failed")
    assert book.of_batch(batch)[0].why == "the lake failed"
    for _ in range(2):
        book.mark_published(batch, one.id, analysis_id="n", result_key="k")
        book.mark_in_front(batch, one.id)
        book.leave_out(batch, two.id, why="gone")
    book.note(batch, one.id, "too late")
    done, left = book.of_batch(batch)
    assert (done.state, done.why, done.analysis_id, done.result_key) == (
        (ReanalysisState.PUBLISHED, "", "n", "k")
    )
    assert done.in_front_at == clock()
    assert (left.state, left.why) == (ReanalysisState.LEFT_OUT, "gone")
    with pytest.raises(LedgerConflictError, match="published"):
        book.mark_published(batch, one.id, analysis_id="n", result_key="elsewhere")
    with pytest.raises(LedgerConflictError, match="left_out"):
        book.mark_published(batch, two.id, analysis_id="n", result_key="k")
    with pytest.raises(LedgerConflictError, match="does not re-analyse"):
        book.leave_out("nothing", one.id, why="")


def test_a_standing_knows_who_answered_and_whose_result_is_in_front(
    ledger: Ledger, clock: Clock
) -> None:
    one, two = publish(ledger, clock, "s/a.mp4", "s/b.mp4")
    book = ledger.reanalyses
    for model, key in ((NEW, "k-new"), (THIRD, "k-third")):
        batch = reopen(ledger, model.version, model).batch_id
        book.mark_published(batch, one.id, analysis_id=key, result_key=key)
        book.leave_out(batch, two.id, why="gone")
        clock.advance(60)
        if model is NEW:
            book.mark_in_front(batch, one.id)
    first, second = book.scope(None, None, None)
    assert first.answered == {OLD.sha256, NEW.sha256, THIRD.sha256}
    assert (first.front_sha256, first.front_key) == (NEW.sha256, "k-new")
    assert second.answered == {OLD.sha256}
    assert second.left_out == {NEW.sha256, THIRD.sha256}
    assert (second.front_sha256, second.front_key) == (OLD.sha256, two.result_key)
    assert [entry.result_key for entry in book.results_of(THIRD.sha256, [one.id, two.id])] == [
        "k-third"
    ]
