"""Changes of state, pinned models, transform jobs: repeated is a no-op, contradicted raises."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.ledger.ledger import JobStatus, Ledger, LedgerConflictError, Recording, State
from tests.unit.ledger.support import SETTINGS, Clock, listing


@pytest.fixture
def claimed(ledger: Ledger, clock: Clock) -> Recording:
    ledger.observe(listing(1), clock())
    (batch_id,) = ledger.claim("run", clock.advance(30), SETTINGS)
    (item,) = ledger.recordings(batch_id)
    return item


def steps(ledger: Ledger, item: Recording) -> list[Callable[[], object]]:
    return [
        lambda: ledger.identify(item.id, video_id="v", extraction_id="e"),
        lambda: ledger.mark_extracted(item.id),
        lambda: ledger.mark_transformed(item.id, analysis_id="a"),
        lambda: ledger.mark_published(item.id, result_key="published/m.json"),
    ]


def test_every_step_may_be_repeated_also_late(ledger: Ledger, claimed: Recording) -> None:
    done: list[Callable[[], object]] = []
    for step in steps(ledger, claimed):
        step()
        done.append(step)
        for repeated in done:
            repeated()

    found = ledger.recording(claimed.id)
    assert found.state == State.PUBLISHED
    assert (found.video_id, found.extraction_id, found.analysis_id) == ("v", "e", "a")
    assert found.result_key == "published/m.json"
    assert found.lease_until is None


@pytest.mark.parametrize("first", [2, 3])
def test_steps_cannot_be_left_out(ledger: Ledger, claimed: Recording, first: int) -> None:
    with pytest.raises(LedgerConflictError):
        steps(ledger, claimed)[first]()


def test_a_repetition_with_other_values_contradicts(ledger: Ledger, claimed: Recording) -> None:
    for step in steps(ledger, claimed):
        step()

    with pytest.raises(LedgerConflictError):
        ledger.mark_transformed(claimed.id, analysis_id="another")
    with pytest.raises(LedgerConflictError):
        ledger.mark_published(claimed.id, result_key="elsewhere")
    with pytest.raises(LedgerConflictError):
        ledger.quarantine(claimed.id, code="truncated", reason="x", result_key="q")
    with pytest.raises(LedgerConflictError):
        ledger.release_or_fail(claimed.id, reason="x", max_attempts=3)


def test_quarantine_is_final_and_repeatable(ledger: Ledger, claimed: Recording) -> None:
    ledger.quarantine(claimed.id, code="truncated", reason="It ends early.", result_key="q")
    ledger.quarantine(claimed.id, code="truncated", reason="It ends early.", result_key="q")

    found = ledger.recording(claimed.id)
    assert (found.state, found.reason_code, found.result_key) == (
        State.QUARANTINED,
        "truncated",
        "q",
    )
    with pytest.raises(LedgerConflictError):
        ledger.mark_extracted(claimed.id)


def test_what_was_set_aside_can_be_reopened(
    ledger: Ledger, clock: Clock, claimed: Recording
) -> None:
    with pytest.raises(LedgerConflictError):
        ledger.reopen(claimed.id)
    ledger.quarantine(claimed.id, code="too_large", reason="Too large.", result_key="q")
    assert [item.id for item in ledger.quarantined("s", ["too_large"])] == [claimed.id]
    assert ledger.quarantined_studies(["too_large"]) == ["s"]

    ledger.reopen(claimed.id)
    ledger.reopen(claimed.id)

    found = ledger.recording(claimed.id)
    assert (found.state, found.attempts, found.reason, found.batch_id) == (
        State.DISCOVERED,
        0,
        None,
        None,
    )
    assert ledger.claim("at once", clock.advance(60), SETTINGS) == []
    ledger.observe(listing(1), clock())
    assert len(ledger.claim("after a listing", clock.advance(30), SETTINGS)) == 1


def test_a_batch_that_lost_a_recording_cannot_change_it(
    ledger: Ledger, clock: Clock, claimed: Recording
) -> None:
    ledger.identify(claimed.id, video_id="v", extraction_id="e")
    (second,) = ledger.claim("later", clock.advance(SETTINGS.lease_s + 1), SETTINGS)

    with pytest.raises(LedgerConflictError):
        ledger.mark_extracted(claimed.id, batch_id=claimed.batch_id)

    ledger.mark_extracted(claimed.id, batch_id=second)
    assert ledger.recording(claimed.id).state == State.EXTRACTED


def test_unknown_rows(ledger: Ledger) -> None:
    with pytest.raises(LedgerConflictError):
        ledger.mark_extracted(99)
    with pytest.raises(KeyError):
        ledger.recording(99)
    with pytest.raises(KeyError):
        ledger.batch("batch-none")
    assert ledger.job("none") is None


def test_the_same_bytes_under_two_keys(ledger: Ledger, clock: Clock) -> None:
    ledger.observe(listing(3), clock())
    (batch_id,) = ledger.claim("run", clock.advance(30), SETTINGS)
    first, second, third = ledger.recordings(batch_id)
    for item, video_id in ((first, "same"), (second, "other"), (third, "same")):
        ledger.identify(item.id, video_id=video_id, extraction_id=f"e-{video_id}")

    assert [item.video_id for item in ledger.recordings(batch_id)] == ["same", "other", "same"]


def test_the_first_to_pin_a_model_wins(ledger: Ledger, claimed: Recording) -> None:
    batch_id = claimed.batch_id
    assert batch_id is not None

    first = ledger.pin_model(batch_id, name="m", version="1", package_uri="u1", sha256="a" * 64)
    second = ledger.pin_model(batch_id, name="m", version="2", package_uri="u2", sha256="b" * 64)

    assert first == second == ledger.batch(batch_id)
    assert (second.model_version, second.package_uri) == ("1", "u1")
    with pytest.raises(KeyError):
        ledger.pin_model("batch-none", name="m", version="1", package_uri="u", sha256="a")


def test_a_job_generation_rises_only_after_a_recorded_failure(
    ledger: Ledger, claimed: Recording
) -> None:
    batch_id = claimed.batch_id
    assert batch_id is not None

    def record(generation: int, spec_hash: str = "h", name: str | None = None) -> str:
        job = ledger.record_job(
            name or f"job-g{generation}",
            batch_id=batch_id,
            generation=generation,
            spec_hash=spec_hash,
            shards=["a.tar", "b.tar"],
        )
        return job.name

    with pytest.raises(LedgerConflictError):
        record(1)
    assert record(0) == record(0)
    with pytest.raises(LedgerConflictError, match="another specification"):
        record(0, spec_hash="other")
    with pytest.raises(LedgerConflictError, match="next generation is 1"):
        record(0, name="second-job-of-generation-0")
    with pytest.raises(LedgerConflictError, match="needs a recorded failure"):
        record(1)

    ledger.close_job("job-g0", JobStatus.FAILED, failure_reason="instance lost")
    ledger.close_job("job-g0", JobStatus.FAILED, failure_reason="told twice")
    with pytest.raises(LedgerConflictError):
        ledger.close_job("job-g0", JobStatus.COMPLETED)
    with pytest.raises(LedgerConflictError):
        ledger.close_job("job-none", JobStatus.COMPLETED)
    record(1)
    ledger.close_job("job-g1", JobStatus.COMPLETED)
    with pytest.raises(LedgerConflictError):
        record(2)

    first, second = ledger.jobs(batch_id)
    assert (first.status, first.failure_reason) == (JobStatus.FAILED, "instance lost")
    assert (second.status, second.shards) == (JobStatus.COMPLETED, ("a.tar", "b.tar"))
    assert second.ended_at is not None
    assert ledger.job("job-g1") == second
