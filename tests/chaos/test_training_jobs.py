"""Embedded training jobs: real processes, killed for real, never doubled, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.composition import Services
from include.jobs.coordination import JobStoppedError
from include.jobs.state import JobStatus
from include.training_jobs.coordinator import TrainingFailedError
from tests.fakes.training_request import Request, make_request, stopped_services, trainers, until

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]

WAITER = """
import sys
from pathlib import Path
from include.composition import build_services
from tests.fakes.training_request import Request, make_settings
services = build_services(make_settings(Path(sys.argv[1])))
request = Request(services, sys.argv[2], "", sys.argv[3])
request.coordinator().run(
    request.request_id, request.data_sha256, lambda line: print(line, flush=True)
)
"""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    yield from stopped_services(tmp_path)


def _waiter(home: Path, request: Request) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WAITER, str(home), request.request_id, request.data_sha256],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_training_is_followed_by_one_that_goes_on_where_it_stopped(
    services: Services, tmp_path: Path
) -> None:
    request = make_request(services, tmp_path, epochs=12)
    waiter = _waiter(tmp_path, request)
    until(request.checkpoint.exists, "a checkpoint")
    pid = request.folder().process_id()
    assert pid
    os.kill(pid, signal.SIGKILL)
    out, errors = waiter.communicate()

    assert waiter.returncode == 0, errors
    assert "resumed at epoch" in out
    jobs = services.ledger.retraining.jobs(request.request_id)
    assert [job.status for job in jobs] == ["failed", "completed"]
    assert "ended unexpectedly" in (jobs[0].failure_reason or "")
    until(lambda: not trainers(tmp_path), "the end of the process")


def test_a_retry_adopts_the_training_of_a_killed_task(services: Services, tmp_path: Path) -> None:
    request = make_request(services, tmp_path, epochs=40)
    first = _waiter(tmp_path, request)
    until(request.checkpoint.exists, "a checkpoint")
    pid = request.folder().process_id()
    assert pid
    os.kill(pid, signal.SIGSTOP)  # it must not end before the test has looked
    first.kill()
    first.communicate()
    assert trainers(tmp_path) == [pid], "it outlives its task"
    second = _waiter(tmp_path, request)
    os.kill(pid, signal.SIGCONT)
    out, errors = second.communicate()

    assert second.returncode == 0, errors
    assert "resumed" not in out, "one process trained from beginning to end"
    assert [job.status for job in services.ledger.retraining.jobs(request.request_id)] == [
        "completed"
    ]
    until(lambda: not trainers(tmp_path), "the end of the process")


def test_ending_the_task_ends_the_training(services: Services, tmp_path: Path) -> None:
    request = make_request(services, tmp_path, epochs=500)
    waiter = _waiter(tmp_path, request)
    until(request.checkpoint.exists, "a checkpoint")
    waiter.terminate()
    waiter.communicate()

    assert waiter.returncode != 0
    assert trainers(tmp_path) == []
    assert request.backend().describe(request.spec().name).status is JobStatus.STOPPED
    assert request.coordinator().stop_all(request.request_id) == []
    (job,) = services.ledger.retraining.jobs(request.request_id)
    assert job.status == "stopped"


def test_a_job_that_a_person_stops_is_not_started_again(services: Services, tmp_path: Path) -> None:
    request = make_request(services, tmp_path, epochs=2000)
    backend = request.backend()

    def stop(_line: str) -> None:
        backend.stop(request.spec().name)

    with pytest.raises(JobStoppedError):
        request.coordinator(backend).run(request.request_id, request.data_sha256, stop)
    assert [job.status for job in services.ledger.retraining.jobs(request.request_id)] == [
        "stopped"
    ]


def test_damaged_data_is_noticed_and_given_up_on(services: Services, tmp_path: Path) -> None:
    request = make_request(services, tmp_path)
    services.lake.put_bytes(f"retraining/{request.request_id}/data/rows.json", b"{}")
    with pytest.raises(TrainingFailedError, match="2 training job"):
        request.coordinator().run(request.request_id, request.data_sha256, print)
