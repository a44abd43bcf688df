"""Embedded training jobs: what they leave, and that they are never left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.composition import Services, build_services
from include.jobs.processes import stop_all
from include.jobs.state import JobExistsError, JobNotFoundError, JobStatus
from include.training_jobs.coordinator import TrainingFailedError
from ml.training.job import RESULT_FILES
from tests.fakes.secrets import SECRETS, tells_a_secret
from tests.fakes.training_request import Request, make_request, make_settings, trainers, until


def test_a_training_leaves_its_results_in_the_lake_and_its_progress_in_the_log(
    request_for_training: Request, tmp_path: Path
) -> None:
    request = request_for_training
    lines: list[str] = []
    spec = request.coordinator().run(request.request_id, request.data_sha256, lines.append)

    (job,) = request.services.ledger.retraining.jobs(request.request_id)
    assert (job.name, job.status) == (spec.name, "completed")
    run = request.backend().fetch(spec, tmp_path / "fetched")
    assert sorted(path.name for path in run.iterdir()) == sorted(RESULT_FILES)
    assert any("epoch 2/2 done" in line for line in lines)
    again = request.coordinator().run(request.request_id, request.data_sha256, lines.append)
    assert again == spec
    assert len(request.services.ledger.retraining.jobs(request.request_id)) == 1


def test_a_training_that_nobody_asks_about_stops_itself(tmp_path: Path) -> None:
    services = build_services(make_settings(tmp_path, abandoned_after_s=3.0))
    request = make_request(services, tmp_path, epochs=2000)
    request.backend().create(request.spec())
    until(lambda: len(trainers(tmp_path)) == 1, "a process")
    until(lambda: not trainers(tmp_path), "its end")

    assert request.backend().describe(request.spec().name).status is JobStatus.STOPPED


def test_what_stops_the_platform_stops_its_trainings(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    request = make_request(services, tmp_path, epochs=2000)
    backend = request.backend()
    backend.create(request.spec())
    with pytest.raises(JobExistsError):
        backend.create(request.spec())
    until(lambda: len(trainers(tmp_path)) == 1, "a process")
    [trainer] = trainers(tmp_path)
    assert b"OMP_WAIT_POLICY=PASSIVE" in Path(f"/proc/{trainer}/environ").read_bytes()
    assert tells_a_secret(trainer) == []
    assert stop_all(tmp_path / "jobs") == [request.spec().name]
    assert trainers(tmp_path) == []
    with pytest.raises(JobNotFoundError):
        backend.describe("fex-train-unheard-of")


def test_a_recipe_that_cannot_be_trained_fails_once_and_says_why(
    services: Services, tmp_path: Path
) -> None:
    request = make_request(services, tmp_path, model={"width": 0.25, "weights": "none.safetensors"})
    with pytest.raises(TrainingFailedError, match=r"none\.safetensors cannot be read"):
        request.coordinator().run(request.request_id, request.data_sha256, print)
    assert len(services.ledger.retraining.jobs(request.request_id)) == 1
