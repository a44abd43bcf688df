"""Coordination of jobs: nothing computed twice, nothing lost, whenever the process dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from include.contracts.errors import PlatformError, TransientError
from include.inference.backend import InferenceBackend, TransformDescription
from include.inference.spec import TransformSpec, basename
from include.jobs.coordination import JobStoppedError, Submission
from include.jobs.state import JobStatus
from include.lake import keys
from include.ledger.ledger import JobStatus as LedgerJobStatus
from include.ledger.ledger import State
from tests.fakes.inference_platform import Platform, crops
from tests.fakes.sagemaker import FakeSageMaker
from tests.fakes.tiny_package import FAIL, SLEEP, expected_answer

ONE, TWO, BAD = crops(b"one"), crops(b"two"), crops(FAIL)


class Killed(BaseException):
    """The process dies here: nothing after it runs."""


class MortalBackend:
    """Dies before or after an operation, once."""

    def __init__(self, backend: InferenceBackend, operation: str, *, after: bool) -> None:
        self._backend = backend
        self._operation = operation
        self._after = after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self._backend, name)
        if name != self._operation:
            return real

        def call(*arguments: Any) -> Any:
            if self._after:
                real(*arguments)
            raise Killed

        return call


def jobs(platform: Platform, batch_id: str) -> list[tuple[int, LedgerJobStatus]]:
    return [(job.generation, job.status) for job in platform.ledger.jobs(batch_id)]


def created(platform: Platform) -> int:
    """Jobs that were paid for on this lake."""
    return len({key.split("/")[1] for key in platform.lake.list("transforms") if "input" in key})


def test_a_batch_is_one_job_over_all_its_recordings(platform: Platform) -> None:
    first, second = platform.extraction(ONE, TWO), platform.extraction(TWO)
    batch_id = platform.batch(first, second)
    found = platform.coordinator().run(batch_id)
    assert len(found.answers) == 3
    assert found.missing == ()
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.COMPLETED)]
    answer = platform.lake.get_bytes(found.answers[keys.shard_basename(first, 1)])
    assert answer == expected_answer(TWO)


def test_an_extraction_that_two_recordings_share_goes_once(platform: Platform) -> None:
    shared = platform.extraction(ONE)
    spec = platform.coordinator().plan(platform.batch(shared, shared))
    assert spec is not None
    assert spec.shard_keys == (keys.shard(shared, keys.shard_basename(shared, 0)),)


def test_answers_of_an_earlier_batch_are_used_again(platform: Platform) -> None:
    shared, fresh = platform.extraction(ONE), platform.extraction(TWO)
    before = platform.coordinator().run(platform.batch(shared))
    batch_id = platform.batch(shared, fresh)
    spec = platform.coordinator().plan(batch_id)
    assert spec is not None
    assert spec.shard_basenames == (keys.shard_basename(fresh, 0),)
    after = platform.coordinator().run(batch_id)
    assert before.answers.items() < after.answers.items()


def test_a_batch_whose_answers_are_all_there_needs_no_job(platform: Platform) -> None:
    shared = platform.extraction(ONE)
    before = platform.coordinator().run(platform.batch(shared))
    batch_id = platform.batch(shared)
    assert platform.coordinator().run(batch_id) == before
    assert jobs(platform, batch_id) == []


def test_answers_that_were_removed_are_computed_again(platform: Platform) -> None:
    shared = platform.extraction(ONE)
    before = platform.batch(shared)
    platform.coordinator().run(before)
    platform.lake.delete_prefix(keys.transform_output(platform.ledger.jobs(before)[0].name))
    assert platform.coordinator().plan(platform.batch(shared)) is not None


def test_a_batch_without_faces_or_without_recordings_needs_no_job(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction())
    assert platform.coordinator().plan(batch_id) is None
    assert platform.coordinator().run(batch_id).answers == {}


def test_only_extracted_recordings_are_inferred(platform: Platform) -> None:
    good, refused = platform.extraction(ONE), platform.extraction(TWO)
    batch_id = platform.batch(good, refused)
    [recording] = [
        item
        for item in platform.ledger.recordings(batch_id, states=(State.EXTRACTED,))
        if item.extraction_id == refused
    ]
    platform.ledger.quarantine(recording.id, code="data_quality", reason="-", result_key="-")
    spec = platform.coordinator().plan(batch_id)
    assert spec is not None
    assert spec.shard_basenames == (keys.shard_basename(good, 0),)


def test_a_batch_without_a_pinned_model_is_refused(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(ONE), pinned=False)
    with pytest.raises(PlatformError, match="no model is pinned"):
        platform.coordinator().run(batch_id)


def test_only_what_is_missing_is_submitted_again(
    platform: Platform, service: FakeSageMaker
) -> None:
    extraction = platform.extraction(ONE, TWO)
    batch_id = platform.batch(extraction)
    unlucky = keys.shard_basename(extraction, 1)
    service.control(fail=(unlucky,))
    submitted: list[TransformSpec] = []

    def on_job(spec: TransformSpec) -> None:
        submitted.append(spec)
        if spec.generation == 1:
            service.control(fail=())

    found = platform.coordinator().run(batch_id, on_job=on_job)
    assert [len(spec.shard_keys) for spec in submitted] == [2, 1]
    assert submitted[1].shard_basenames == (unlucky,)
    assert found.missing == ()
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.FAILED), (1, LedgerJobStatus.COMPLETED)]


def test_what_never_succeeds_is_missing_and_costs_nothing_else(platform: Platform) -> None:
    extraction = platform.extraction(ONE, BAD)
    batch_id = platform.batch(extraction)
    coordinator = platform.coordinator(max_generations=2)
    found = coordinator.run(batch_id)
    assert found.missing == (keys.shard_basename(extraction, 1),)
    assert set(found.answers) == {keys.shard_basename(extraction, 0)}
    assert len(jobs(platform, batch_id)) == 2
    assert coordinator.run(batch_id) == found  # a retry of the task pays for no third job
    assert len(jobs(platform, batch_id)) == 2


def test_a_job_called_failed_that_answered_everything_has_succeeded(platform: Platform) -> None:
    """What the service says of a job decides nothing; its `.out` files do."""
    extraction = platform.extraction(ONE, BAD)
    batch_id = platform.batch(extraction)
    coordinator = platform.coordinator()
    spec = coordinator.start(batch_id)
    assert spec is not None
    assert coordinator.wait(spec.name).status is JobStatus.FAILED
    name = keys.shard_basename(extraction, 1)
    platform.lake.put_bytes(f"{spec.output_prefix}/shards/{name}.out", b"late")
    assert coordinator.reconcile(spec) == ()
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.COMPLETED)]


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ("create", False),
        ("create", True),
        ("describe", True),
        ("list_outputs", False),
        ("list_outputs", True),
    ],
)
def test_killed_at_any_point_the_next_process_goes_on_with_the_same_job(
    platform: Platform, operation: str, after: bool
) -> None:
    batch_id = platform.batch(platform.extraction(ONE, TWO))
    mortal = MortalBackend(platform.backend, operation, after=after)
    with pytest.raises(Killed):
        platform.coordinator(backend=mortal).run(batch_id)
    found = platform.coordinator().run(batch_id)
    assert len(found.answers) == 2
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.COMPLETED)]
    assert created(platform) == 1


def test_killed_between_index_and_ledger_the_next_process_closes_the_job(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = platform.batch(platform.extraction(ONE))

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(platform.ledger, "close_job", die)
        with pytest.raises(Killed):
            platform.coordinator().run(batch_id)
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.RECORDED)]
    assert platform.coordinator().run(batch_id).missing == ()
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.COMPLETED)]


def test_a_running_job_is_adopted(platform: Platform, service: FakeSageMaker) -> None:
    service.control(in_progress_s=1.0)
    batch_id = platform.batch(platform.extraction(ONE))
    coordinator = platform.coordinator()
    spec = coordinator.plan(batch_id)
    assert spec is not None
    assert coordinator.submit_or_adopt(spec) is Submission.CREATED
    again = platform.coordinator().plan(batch_id)
    assert again == spec
    assert platform.coordinator().submit_or_adopt(spec) is Submission.ADOPTED
    assert platform.coordinator().poll(spec.name).status is JobStatus.IN_PROGRESS


def test_a_new_instance_type_does_not_lose_the_running_job(
    platform: Platform, service: FakeSageMaker
) -> None:
    service.control(in_progress_s=0.5)
    batch_id = platform.batch(platform.extraction(ONE))
    before = platform.coordinator().start(batch_id)
    after = platform.coordinator(instance_type="ml.c5.xlarge").start(batch_id)
    assert before is not None
    assert after is not None
    assert after.name == before.name
    assert created(platform) == 1


def test_a_name_that_somebody_else_has_is_given_up(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(ONE))
    coordinator = platform.coordinator()
    spec = coordinator.plan(batch_id)
    assert spec is not None
    foreign = replace(spec, output_prefix="transforms/foreign")
    platform.backend.create(foreign)
    found = coordinator.run(batch_id)
    assert found.missing == ()
    assert platform.ledger.jobs(batch_id)[0].failure_reason == "the name is taken by another job"
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.FAILED), (1, LedgerJobStatus.COMPLETED)]


def test_a_job_that_a_person_stops_is_not_started_again_unasked(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(ONE, crops(SLEEP + b"0.5:")))

    def stop(found: TransformDescription) -> None:
        if not found.status.is_terminal:
            platform.backend.stop(found.name)

    with pytest.raises(JobStoppedError):
        platform.coordinator().run(batch_id, on_poll=stop)
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.STOPPED)]
    assert platform.coordinator().run(batch_id).missing == ()  # the task was cleared


def test_a_job_that_an_interrupted_attempt_stopped_is_made_up_for(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(ONE, crops(SLEEP + b"0.5:")))
    coordinator = platform.coordinator(max_generations=1)
    spec = coordinator.start(batch_id)
    assert spec is not None
    platform.backend.stop(spec.name)
    coordinator.wait(spec.name)
    found = platform.coordinator(max_generations=1).run(batch_id)
    assert found.missing == ()
    assert [status for _, status in jobs(platform, batch_id)] == [
        LedgerJobStatus.STOPPED,
        LedgerJobStatus.COMPLETED,
    ]


def test_a_job_that_takes_too_long_is_stopped(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(crops(SLEEP + b"2:")))
    with pytest.raises(TransientError, match="FEX_TRANSFORM__TIMEOUT_S"):
        platform.coordinator(timeout_s=0.2).run(batch_id)
    [job] = platform.ledger.jobs(batch_id)
    assert platform.backend.describe(job.name).status in (JobStatus.STOPPING, JobStatus.STOPPED)


@pytest.mark.filterwarnings("ignore:Exception.ThrottlingError")
def test_throttling_shows_nowhere(platform: Platform, service: FakeSageMaker) -> None:
    service.control(throttle_every=3)
    batch_id = platform.batch(platform.extraction(ONE, TWO))
    before = service.calls
    assert platform.coordinator().run(batch_id).missing == ()
    assert jobs(platform, batch_id) == [(0, LedgerJobStatus.COMPLETED)]
    assert service.calls["CreateTransformJob"] - before.get("CreateTransformJob", 0) <= 2


def test_a_poll_that_fails_for_now_is_repeated(platform: Platform) -> None:
    class Flaky:
        def __init__(self) -> None:
            self.failures = 3

        def __getattr__(self, name: str) -> Any:
            return getattr(platform.backend, name)

        def describe(self, name: str) -> TransformDescription:
            self.failures -= 1
            if self.failures >= 0:
                raise TransientError("connection lost")
            return platform.backend.describe(name)

    batch_id = platform.batch(platform.extraction(ONE))
    coordinator = platform.coordinator(backend=Flaky())
    spec = coordinator.start(batch_id)
    assert spec is not None
    assert coordinator.wait(spec.name).status is JobStatus.COMPLETED


def test_a_running_job_cannot_be_reconciled(platform: Platform) -> None:
    coordinator = platform.coordinator()
    spec = coordinator.start(platform.batch(platform.extraction(crops(SLEEP + b"0.5:"))))
    assert spec is not None
    with pytest.raises(ValueError, match="InProgress"):
        coordinator.reconcile(spec)


def test_a_job_recorded_for_a_lake_that_moved_is_given_up(platform: Platform) -> None:
    extraction = platform.extraction(ONE)
    batch_id = platform.batch(extraction)
    platform.ledger.record_job(
        "fex-elsewhere-g0",
        batch_id=batch_id,
        generation=0,
        spec_hash="other",
        shards=[keys.shard_basename(extraction, 0)],
    )
    assert platform.coordinator().run(batch_id).missing == ()
    assert jobs(platform, batch_id)[0] == (0, LedgerJobStatus.FAILED)


def test_basenames_find_their_way_back(platform: Platform) -> None:
    extraction = platform.extraction(ONE)
    spec = platform.coordinator().plan(platform.batch(extraction))
    assert spec is not None
    assert [basename(key) for key in spec.shard_keys] == [keys.shard_basename(extraction, 0)]
