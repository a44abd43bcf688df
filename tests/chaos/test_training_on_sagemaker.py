"""A training job on the AWS path: the packed code really runs, and spot capacity goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from include.composition import Services
from include.training_jobs.coordinator import TrainingCoordinator, TrainingFailedError
from include.training_jobs.sagemaker import SageMakerTraining
from ml.training.job import RESULT_FILES
from tests.fakes.sagemaker import shared_service
from tests.fakes.training_aws import aws_services
from tests.fakes.training_request import make_request

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    yield from aws_services(tmp_path, monkeypatch)


def _coordinator(services: Services) -> tuple[TrainingCoordinator, SageMakerTraining]:
    backend = SageMakerTraining(
        client=boto3.client("sagemaker"), settings=services.settings.training, lake=services.lake
    )
    coordinator = TrainingCoordinator(
        backend=backend,
        book=services.ledger.retraining,
        settings=services.settings.training,
        lake_uri=services.lake.uri(""),
    )
    return coordinator, backend


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(
    services: Services,
    tmp_path: Path,
) -> None:
    request = make_request(services, tmp_path, epochs=6)
    shared_service().control(interrupt_training=1)
    coordinator, backend = _coordinator(services)
    lines: list[str] = []
    spec = coordinator.run(request.request_id, request.data_sha256, lines.append)

    assert any(line.startswith("Interrupted") for line in lines)
    (job,) = services.ledger.retraining.jobs(request.request_id)
    assert job.status == "completed"
    run = backend.fetch(spec, tmp_path / "fetched")
    assert sorted(path.name for path in run.iterdir()) == sorted(RESULT_FILES)
    assert (run / "history.jsonl").read_text().count("\n") == 6
    again, _ = _coordinator(services)
    assert again.run(request.request_id, request.data_sha256, lines.append) == spec
    backend.forget(request.request_id)


def test_a_recipe_that_cannot_be_trained_fails_once_and_says_why(
    services: Services,
    tmp_path: Path,
) -> None:
    request = make_request(services, tmp_path, model={"width": 0.25, "weights": "none.safetensors"})
    coordinator, _ = _coordinator(services)
    with pytest.raises(TrainingFailedError, match=r"ConfigurationError.*none\.safetensors"):
        coordinator.run(request.request_id, request.data_sha256, print)
    assert len(services.ledger.retraining.jobs(request.request_id)) == 1
