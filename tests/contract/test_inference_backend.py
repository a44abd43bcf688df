"""One suite for every inference backend: what holds for one holds for the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.inference.backend import TransformDescription
from include.inference.spec import TransformSpec, basename
from include.jobs.state import JobExistsError, JobNotFoundError, JobStatus
from include.lake import keys
from tests.fakes.inference_platform import EmbeddedKind, Platform, SageMakerKind, crops
from tests.fakes.sagemaker import Controls, FakeSageMaker, shared_service
from tests.fakes.tiny_package import FAIL, SLEEP, expected_answer

TIMEOUT_S = 60
LONG = SLEEP + b"30:"
FIRST, SECOND = crops(b"one", b"two"), crops(b"three")


@pytest.fixture(scope="module")
def service(aws_credentials: None) -> FakeSageMaker:
    return shared_service()


@pytest.fixture(scope="module")
def aws_credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield


@pytest.fixture(scope="module", params=["embedded", "sagemaker"])
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        return Platform(EmbeddedKind(folder), folder)
    return Platform(SageMakerKind(folder, request.getfixturevalue("service")), folder)


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "service" in request.fixturenames or "sagemaker" in request.node.name:
        request.getfixturevalue("service").controls = Controls()


@pytest.fixture(scope="module")
def finished(platform: Platform) -> TransformSpec:
    """A job that has answered its two shards."""
    spec = platform.spec(platform.put_shards(FIRST, SECOND), batch_id="finished")
    platform.backend.create(spec)
    wait(platform, spec)
    return spec


def wait(
    platform: Platform,
    spec: TransformSpec,
    until: Callable[[TransformDescription], bool] = lambda found: found.status.is_terminal,
) -> TransformDescription:
    give_up_at = time.monotonic() + TIMEOUT_S
    while not until(found := platform.backend.describe(spec.name)):
        assert time.monotonic() < give_up_at, found
        time.sleep(0.05)
    return found


def is_working(platform: Platform, spec: TransformSpec) -> bool:
    """The first shard is answered, so the second is being worked on."""
    return len(platform.backend.list_outputs(spec)) == 1


def wait_until_working(platform: Platform, spec: TransformSpec) -> None:
    give_up_at = time.monotonic() + TIMEOUT_S
    while not is_working(platform, spec):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_a_job_answers_every_shard_with_what_the_model_says(
    platform: Platform, finished: TransformSpec
) -> None:
    found = platform.backend.describe(finished.name)
    assert found.status is JobStatus.COMPLETED
    assert found.failure_reason is None
    assert set(platform.backend.list_outputs(finished)) == set(finished.shard_basenames)
    first, second = finished.shard_keys
    assert platform.answer(finished, first) == expected_answer(FIRST)
    assert platform.answer(finished, second) == expected_answer(SECOND)


def test_a_job_tells_whose_it_is(platform: Platform, finished: TransformSpec) -> None:
    assert platform.backend.describe(finished.name).spec_hash == finished.spec_hash


def test_a_name_is_never_used_twice(platform: Platform, finished: TransformSpec) -> None:
    with pytest.raises(JobExistsError):
        platform.backend.create(finished)
    again = platform.kind.backend(platform.lake)  # as another process would see it
    with pytest.raises(JobExistsError):
        again.create(finished)
    assert again.describe(finished.name).status is JobStatus.COMPLETED


def test_an_ended_job_cannot_be_stopped_any_more(
    platform: Platform, finished: TransformSpec
) -> None:
    platform.backend.stop(finished.name)
    assert platform.backend.describe(finished.name).status is JobStatus.COMPLETED


def test_a_job_that_was_never_created_is_not_found(platform: Platform) -> None:
    with pytest.raises(JobNotFoundError):
        platform.backend.describe("fex-never-g0")
    with pytest.raises(JobNotFoundError):
        platform.backend.stop("fex-never-g0")


def test_a_new_job_is_in_progress_at_once(platform: Platform) -> None:
    spec = platform.spec(platform.put_shards(crops(LONG)), batch_id="new")
    platform.backend.create(spec)
    assert platform.backend.describe(spec.name).status is JobStatus.IN_PROGRESS
    assert platform.backend.list_outputs(spec) == {}
    platform.backend.stop(spec.name)


def test_one_bad_shard_fails_the_job_and_only_that_shard_is_submitted_again(
    platform: Platform,
) -> None:
    extraction = platform.extraction(FIRST, crops(b"fine", FAIL))
    good, bad = (keys.shard_basename(extraction, index) for index in range(2))
    batch_id = platform.batch(extraction)
    coordinator = platform.coordinator()
    spec = coordinator.start(batch_id)
    assert spec is not None
    found = wait(platform, spec)
    assert found.status is JobStatus.FAILED
    assert found.failure_reason
    assert set(platform.backend.list_outputs(spec)) == {good}
    assert platform.answer(spec, keys.shard(extraction, good)) == expected_answer(FIRST)
    assert coordinator.reconcile(spec) == (bad,)

    again = coordinator.start(batch_id)
    assert again is not None
    assert again.shard_basenames == (bad,)
    assert again.name != spec.name
    assert platform.coordinator().start(batch_id) == again  # another process adopts it
    platform.backend.stop(again.name)


def test_a_stopped_job_keeps_what_it_answered_and_stores_nothing_more(platform: Platform) -> None:
    spec = platform.spec(platform.put_shards(FIRST, crops(SLEEP + b"1:")), batch_id="stopped")
    platform.backend.create(spec)
    wait_until_working(platform, spec)
    platform.backend.stop(spec.name)
    found = wait(platform, spec)
    assert found.status is JobStatus.STOPPED
    time.sleep(1.2)  # the second shard would be answered by now
    assert set(platform.backend.list_outputs(spec)) == {basename(spec.shard_keys[0])}
    assert platform.backend.describe(spec.name).status is JobStatus.STOPPED


def test_a_lost_machine_is_a_failed_job(platform: Platform) -> None:
    spec = platform.spec(platform.put_shards(FIRST, crops(SLEEP + b"2:")), batch_id="lost")
    platform.kind.lose_machine_at([basename(spec.shard_keys[1])])
    platform.backend.create(spec)
    wait_until_working(platform, spec)
    platform.kind.lose_machine(spec)
    found = wait(platform, spec)
    assert found.status is JobStatus.FAILED
    assert found.failure_reason
    assert set(platform.backend.list_outputs(spec)) == {basename(spec.shard_keys[0])}
    with pytest.raises(JobExistsError):
        platform.backend.create(spec)


def test_answers_are_found_by_basename_below_any_folder(
    platform: Platform, finished: TransformSpec
) -> None:
    spec = platform.spec(platform.put_shards(FIRST), batch_id="elsewhere")
    name = spec.shard_basenames[0]
    deep = f"{spec.output_prefix}/some/folders/{name}.out"
    platform.lake.put_bytes(deep, b"")
    platform.lake.put_bytes(f"{spec.output_prefix}/{name}.part", b"")
    platform.lake.put_bytes(f"{spec.output_prefix}/other.tar.out", b"")
    assert platform.backend.list_outputs(spec) == {name: deep}
