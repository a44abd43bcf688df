"""The transform task as Airflow runs it: tries, deferral, kill."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger
from expression_transform.operator import ExpressionTransformOperator
from expression_transform.trigger import ExpressionTransformTrigger

from include.contracts.errors import TransientError
from include.jobs.coordination import JobStoppedError
from include.jobs.state import JobStatus
from include.lake import keys
from tests.fakes.inference_platform import Platform, SageMakerKind, crops
from tests.fakes.sagemaker import Controls, FakeSageMaker
from tests.fakes.tiny_package import FAIL, SLEEP

ONE, TWO = crops(b"one"), crops(b"two")
LONG = crops(SLEEP + b"20:")
WAIT_S = 30


@pytest.fixture(autouse=True)
def _no_faults_left(service: FakeSageMaker) -> Iterator[None]:
    yield
    service.controls = Controls()


def operator(batch_id: str, **kwargs: Any) -> ExpressionTransformOperator:
    return ExpressionTransformOperator(task_id="transform", batch_id=batch_id, **kwargs)


def service_of(platform: Platform) -> FakeSageMaker:
    assert isinstance(platform.kind, SageMakerKind)
    return platform.kind.service


def defer(task: ExpressionTransformOperator) -> BaseTrigger:
    """Run the task until it defers; return the trigger as the triggerer makes it."""
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({})
    return remade(deferred.value)


def remade(deferred: TaskDeferred) -> BaseTrigger:
    assert deferred.method_name == "execute_complete"
    path, arguments = deferred.trigger.serialize()
    module, _, name = path.rpartition(".")
    trigger: BaseTrigger = getattr(import_module(module), name)(**json.loads(json.dumps(arguments)))
    return trigger


def fire(trigger: BaseTrigger) -> dict[str, str]:
    async def first() -> dict[str, str]:
        async for event in trigger.run():
            payload: dict[str, str] = event.payload
            return payload
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(asyncio.wait_for(first(), WAIT_S))


def complete(task: ExpressionTransformOperator) -> dict[str, Any]:
    """Run the task to its end, as scheduler, worker and triggerer do between them."""
    step: Callable[[], dict[str, Any]] = partial(task.execute, {})
    while True:
        try:
            return step()
        except TaskDeferred as deferred:
            step = partial(
                task.execute_complete, {}, fire(remade(deferred)), **(deferred.kwargs or {})
            )


def job_status(platform: Platform, batch_id: str) -> JobStatus:
    return platform.backend.describe(platform.ledger.jobs(batch_id)[-1].name).status


def test_waits_here_and_returns_a_small_summary(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(ONE, TWO))
    result = operator(batch_id).execute({})
    [job] = platform.ledger.jobs(batch_id)
    assert result["log"].find(job.name) > 0
    assert result == {"job": job.name, "log": result["log"], "shards": 2, "missing": []}
    assert len(platform.coordinator().answers(batch_id).answers) == 2


def test_waits_in_the_triggerer(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(ONE, TWO))
    trigger = defer(operator(batch_id, deferrable=True))
    result = operator(batch_id, deferrable=True).execute_complete({}, event=fire(trigger))
    assert (result["shards"], result["missing"]) == (2, [])
    assert len(platform.ledger.jobs(batch_id)) == 1


def test_the_setting_decides_whether_to_defer(
    aws: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    service_of(aws).control(in_progress_s=0.5)
    monkeypatch.setenv("FEX_TRANSFORM__DEFERRABLE", "true")
    assert isinstance(defer(operator(aws.batch(aws.extraction(ONE)))), ExpressionTransformTrigger)


def test_a_batch_without_work_never_defers(aws: Platform) -> None:
    result = operator(aws.batch(aws.extraction()), deferrable=True).execute({})
    assert result == {"job": None, "log": "", "shards": 0, "missing": []}


def test_a_retry_adopts_the_job_of_the_try_before(aws: Platform) -> None:
    service_of(aws).control(in_progress_s=0.5)
    batch_id = aws.batch(aws.extraction(ONE))
    defer(operator(batch_id, deferrable=True))  # and then the worker is lost
    [before] = aws.ledger.jobs(batch_id)
    result = operator(batch_id).execute({})
    assert result["job"] == before.name
    assert len(aws.ledger.jobs(batch_id)) == 1


def test_deferred_again_for_what_is_missing(aws: Platform) -> None:
    service = service_of(aws)
    extraction = aws.extraction(ONE, TWO)
    batch_id = aws.batch(extraction)
    unlucky = keys.shard_basename(extraction, 1)
    service.control(fail=(unlucky,), in_progress_s=0.3)
    event = fire(defer(operator(batch_id, deferrable=True)))
    service.control(fail=())
    with pytest.raises(TaskDeferred) as deferred:
        operator(batch_id, deferrable=True).execute_complete({}, event=event)
    first, second = aws.ledger.jobs(batch_id)
    assert (len(first.shards), second.shards) == (2, (unlucky,))
    event = fire(remade(deferred.value))
    result = operator(batch_id, deferrable=True).execute_complete({}, event=event)
    assert result["missing"] == []


def test_what_never_succeeds_is_returned_as_missing(
    aws: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEX_TRANSFORM__MAX_GENERATIONS", "1")
    extraction = aws.extraction(ONE, crops(FAIL))
    result = operator(aws.batch(extraction)).execute({})
    assert result["missing"] == [keys.shard_basename(extraction, 1)]
    assert result["shards"] == 2


def test_killing_the_deferred_task_stops_the_job(platform: Platform) -> None:
    batch_id = platform.batch(platform.extraction(LONG))
    trigger = defer(operator(batch_id, deferrable=True))
    asyncio.run(trigger.on_kill())
    assert job_status(platform, batch_id) in (JobStatus.STOPPING, JobStatus.STOPPED)


def test_a_restart_of_the_triggerer_does_not_stop_the_job(aws: Platform) -> None:
    service_of(aws).control(in_progress_s=5)
    batch_id = aws.batch(aws.extraction(ONE))
    trigger = defer(operator(batch_id, deferrable=True))

    async def interrupted() -> None:
        running = asyncio.ensure_future(anext(aiter(trigger.run())))
        await asyncio.sleep(0.3)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await trigger.cleanup()

    asyncio.run(interrupted())
    assert job_status(aws, batch_id) is JobStatus.IN_PROGRESS


def test_killing_the_waiting_task_stops_the_job_and_a_retry_makes_up_for_it(
    aws: Platform,
) -> None:
    extraction = aws.extraction(ONE, crops(SLEEP + b"1:"))
    batch_id = aws.batch(extraction)
    task = operator(batch_id)
    failure: list[BaseException] = []

    def run() -> None:
        try:
            task.execute({})
        except Exception as error:
            failure.append(error)

    running = threading.Thread(target=run)
    running.start()
    while not (jobs := aws.ledger.jobs(batch_id)) or not aws.backend.list_outputs(
        aws.coordinator().plan(batch_id)
    ):
        assert running.is_alive(), failure
        time.sleep(0.02)
    task.on_kill()
    running.join(WAIT_S)
    assert isinstance(failure[0], TransientError)
    assert job_status(aws, batch_id) in (JobStatus.STOPPING, JobStatus.STOPPED)
    result = operator(batch_id).execute({})
    assert result["missing"] == []
    assert result["job"] != jobs[0].name
    assert aws.ledger.jobs(batch_id)[-1].shards == (keys.shard_basename(extraction, 1),)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_retry_that_comes_while_the_job_is_being_stopped_makes_up_for_it(
    aws: Platform, deferrable: bool
) -> None:
    service_of(aws).control(object_s=1, stopping_s=0.5)
    batch_id = aws.batch(aws.extraction(ONE))
    asyncio.run(defer(operator(batch_id, deferrable=True)).on_kill())
    assert job_status(aws, batch_id) is JobStatus.STOPPING
    service_of(aws).control(object_s=0)
    task = operator(batch_id, deferrable=deferrable)
    result = complete(task)
    assert result["missing"] == []
    assert len(aws.ledger.jobs(batch_id)) == 2


def test_a_task_killed_before_its_job_exists_starts_none(aws: Platform) -> None:
    batch_id = aws.batch(aws.extraction(ONE))
    task = operator(batch_id)
    task.on_kill()
    with pytest.raises(TransientError):
        task.execute({})
    assert aws.ledger.jobs(batch_id) == []


def test_a_job_stopped_by_a_person_fails_the_deferred_task(aws: Platform) -> None:
    batch_id = aws.batch(aws.extraction(LONG, LONG))
    service_of(aws).control(object_s=5)
    trigger = defer(operator(batch_id, deferrable=True))
    aws.backend.stop(aws.ledger.jobs(batch_id)[0].name)
    event = fire(trigger)
    assert event["status"] == "Stopped"
    with pytest.raises(JobStoppedError):
        operator(batch_id, deferrable=True).execute_complete({}, event=event)


def test_a_job_that_takes_too_long_is_stopped(
    aws: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEX_TRANSFORM__TIMEOUT_S", "0.1")
    service_of(aws).control(object_s=5)
    batch_id = aws.batch(aws.extraction(ONE))
    event = fire(defer(operator(batch_id, deferrable=True)))
    assert event["outcome"] == "timeout"
    with pytest.raises(TransientError, match="FEX_TRANSFORM__TIMEOUT_S"):
        operator(batch_id, deferrable=True).execute_complete({}, event=event)
    assert job_status(aws, batch_id) in (JobStatus.STOPPING, JobStatus.STOPPED)


def test_a_trigger_that_cannot_watch_says_so_to_the_task(
    aws: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = ExpressionTransformTrigger(
        job_name="fex-never-g0", poll_interval_s=0.1, deadline_s=time.time() + 5
    )
    event = fire(trigger)
    assert event["outcome"] == "error"
    with pytest.raises(TransientError, match="fex-never-g0"):
        operator(aws.batch(aws.extraction(ONE))).execute_complete({}, event=event)


@pytest.mark.filterwarnings("ignore:Exception.ThrottlingError")
def test_throttled_polls_of_the_trigger_are_repeated(aws: Platform) -> None:
    service = service_of(aws)
    service.control(in_progress_s=1)
    trigger = defer(operator(aws.batch(aws.extraction(ONE)), deferrable=True))
    service.control(throttle_every=2)
    event = fire(trigger)
    assert event["status"] == "Completed"


def test_the_lease_is_renewed_for_the_job(aws: Platform) -> None:
    batch_id = aws.batch(aws.extraction(ONE))
    [before] = aws.ledger.recordings(batch_id)
    operator(batch_id).execute({})
    [after] = aws.ledger.recordings(batch_id)
    assert before.lease_until is not None
    assert after.lease_until is not None
    assert after.lease_until > before.lease_until


def test_the_batch_id_is_a_template() -> None:
    task = operator("{{ params.batch_id }}")
    task.render_template_fields({"params": {"batch_id": "b-7"}})  # type: ignore[typeddict-item]
    assert task.batch_id == "b-7"
