"""What only the embedded backend has: processes, and folders that speak for them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from include.inference.embedded import EmbeddedBackend
from include.inference.embedded_job import Runtime, TransformFolder
from include.inference.spec import TransformSpec
from include.jobs.processes import stop_all
from include.jobs.state import JobExistsError, JobStatus
from include.lake import keys
from tests.fakes.inference_platform import EmbeddedKind, Platform, SageMakerKind, crops
from tests.fakes.sagemaker import FakeSageMaker
from tests.fakes.secrets import SECRETS, WORD, tells_a_secret
from tests.fakes.tiny_package import CRASH, SLEEP, expected_answer

TIMEOUT_S = 60
ONE, TWO = crops(b"one"), crops(b"two")
LONG = crops(SLEEP + b"60:")


@pytest.fixture
def local(tmp_path: Path) -> Platform:
    return Platform(EmbeddedKind(tmp_path), tmp_path)


def until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def wait(platform: Platform, spec: TransformSpec) -> JobStatus:
    until(lambda: platform.backend.describe(spec.name).status.is_terminal)
    return platform.backend.describe(spec.name).status


def children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def runtime_of(platform: Platform) -> Runtime:
    return Runtime(
        lake_url=platform.kind.storage.lake_url,
        s3_endpoint_url=None,
        s3_region="us-east-1",
        models_dir=str(platform.folder / "models"),
        workers=1,
        threads=1,
    )


def test_a_shard_that_brings_a_worker_down_costs_itself_alone(tmp_path: Path) -> None:
    """Two workers: the one that ends is replaced, the other is not disturbed.

    So does a shard that is not there.
    """
    platform = Platform(EmbeddedKind(tmp_path, embedded_workers=2), tmp_path)
    good = [crops(b"%d" % index) for index in range(3)]
    shards = platform.put_shards(crops(b"fine", CRASH), *good)
    absent = keys.shard("a" * 32, keys.shard_basename("a" * 32, 0))
    spec = platform.spec([*shards, absent])
    platform.backend.create(spec)
    assert wait(platform, spec) is JobStatus.FAILED
    found = platform.backend.describe(spec.name)
    assert found.failure_reason is not None
    assert "exit status 9" in found.failure_reason
    assert "FileNotFoundError" in found.failure_reason
    assert (found.done, found.total) == (3, 5)
    for key, content in zip(shards[1:], good, strict=True):
        assert platform.answer(spec, key) == expected_answer(content)


def test_a_killed_runner_leaves_no_worker_behind(local: Platform) -> None:
    spec = local.spec(local.put_shards(ONE, LONG))
    local.backend.create(spec)
    until(lambda: len(local.backend.list_outputs(spec)) == 1)
    assert isinstance(local.kind, EmbeddedKind)
    runner = local.kind.runner_pid(spec.name)
    workers = children(runner)
    assert len(workers) == 1
    os.kill(runner, signal.SIGKILL)  # the runner alone, as the kernel's memory killer would
    until(lambda: not any(map(is_alive, workers)))
    # A worker goes with the thread that started it; the others may hold the lock for a moment.
    until(lambda: local.backend.describe(spec.name).status is not JobStatus.IN_PROGRESS)
    found = local.backend.describe(spec.name)
    assert found.status is JobStatus.FAILED
    assert "ended unexpectedly" in (found.failure_reason or "")


def test_a_job_and_its_workers_get_no_secret_but_the_stores(
    local: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SECRETS, "AWS_SECRET_ACCESS_KEY": "the-stores"}.items():
        monkeypatch.setenv(name, value)
    spec = local.spec(local.put_shards(ONE, LONG))
    local.backend.create(spec)
    until(lambda: len(local.backend.list_outputs(spec)) == 1)
    assert isinstance(local.kind, EmbeddedKind)
    runner = local.kind.runner_pid(spec.name)
    everybody = [runner, *children(runner)]
    assert len(everybody) == 2
    for pid in everybody:
        assert tells_a_secret(pid) == []
        assert b"AWS_SECRET_ACCESS_KEY=the-stores" in Path(f"/proc/{pid}/environ").read_bytes()
    assert WORD not in "".join(
        path.read_text(errors="replace")
        for path in local.folder.rglob("*")
        if path.is_file() and "jobs" in path.parts
    )
    local.backend.stop(spec.name)


def test_a_job_outlives_the_backend_that_started_it_and_another_stops_it(
    local: Platform,
) -> None:
    spec = local.spec(local.put_shards(ONE, LONG))
    local.backend.create(spec)
    until(lambda: len(local.backend.list_outputs(spec)) == 1)
    other = local.kind.backend(local.lake)
    assert other.describe(spec.name).status is JobStatus.IN_PROGRESS
    assert isinstance(local.kind, EmbeddedKind)
    group = local.kind.runner_pid(spec.name)
    workers = children(group)
    other.stop(spec.name)
    assert other.describe(spec.name).status is JobStatus.STOPPED
    assert not any(map(is_alive, [group, *workers]))


def test_stopping_the_platform_stops_every_job(local: Platform) -> None:
    specs = [local.spec(local.put_shards(LONG), batch_id=f"b-{index}") for index in range(2)]
    for spec in specs:
        local.backend.create(spec)
    jobs_dir = local.kind.settings.jobs_dir
    assert stop_all(jobs_dir) == sorted(spec.name for spec in specs)
    assert {wait(local, spec) for spec in specs} == {JobStatus.STOPPED}
    assert stop_all(jobs_dir) == []
    assert stop_all(jobs_dir / "not-there") == []


def test_of_many_creators_one_wins(local: Platform) -> None:
    spec = local.spec(local.put_shards(ONE))
    runtime = runtime_of(local)

    def create(_: int) -> bool:
        try:
            _, lock = TransformFolder.make(local.folder / "jobs", spec, runtime)
        except JobExistsError:
            return False
        os.close(lock)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 1
    assert [path.name for path in (local.folder / "jobs").iterdir()] == [spec.name]


def test_a_creator_that_dies_before_the_runner_starts_leaves_a_failed_job(
    local: Platform,
) -> None:
    spec = local.spec(local.put_shards(ONE))
    _, lock = TransformFolder.make(local.kind.settings.jobs_dir, spec, runtime_of(local))
    assert local.backend.describe(spec.name).status is JobStatus.IN_PROGRESS
    os.close(lock)  # what the kernel does to a killed process
    assert local.backend.describe(spec.name).status is JobStatus.FAILED
    with pytest.raises(JobExistsError):
        local.backend.create(spec)


def test_a_process_id_that_was_given_away_is_left_alone(local: Platform) -> None:
    """The id in the folder is alive, but it is ours: the job is not running."""
    spec = local.spec(local.put_shards(ONE))
    folder, lock = TransformFolder.make(local.kind.settings.jobs_dir, spec, runtime_of(local))
    folder.write_process_id()
    os.close(lock)
    assert local.backend.describe(spec.name).status is JobStatus.FAILED
    local.backend.stop(spec.name)
    assert stop_all(local.kind.settings.jobs_dir) == []


def test_a_package_that_changed_fails_the_job_with_the_reason(local: Platform) -> None:
    spec = local.spec(local.put_shards(ONE))
    wrong = replace(spec, model_sha256="0" * 64)
    local.backend.create(wrong)
    assert wait(local, wrong) is JobStatus.FAILED
    assert "registered is" in (local.backend.describe(wrong.name).failure_reason or "")


def test_no_credentials_and_no_ledger_are_written_to_the_folder(local: Platform) -> None:
    storage = local.kind.storage.model_copy(
        update={"ledger_url": "postgresql://user:secret@host/db"}
    )
    backend = EmbeddedBackend(settings=local.kind.settings, storage=storage, lake=local.lake)
    spec = local.spec(local.put_shards(ONE))
    backend.create(spec)
    backend.stop(spec.name)
    written = (local.kind.settings.jobs_dir / spec.name).glob("*.json")
    assert not any("secret" in path.read_text() for path in written)


def test_works_on_a_lake_on_s3(service: FakeSageMaker, tmp_path: Path) -> None:
    """Storage and backend are chosen independently."""
    platform = Platform(SageMakerKind(tmp_path, service), tmp_path)
    platform.backend = EmbeddedBackend(
        settings=EmbeddedKind(tmp_path).settings,
        storage=platform.kind.storage,
        lake=platform.lake,
    )
    spec = platform.spec(platform.put_shards(ONE, TWO))
    platform.backend.create(spec)
    assert wait(platform, spec) is JobStatus.COMPLETED
    assert platform.answer(spec, spec.shard_keys[1]) == expected_answer(TWO)
