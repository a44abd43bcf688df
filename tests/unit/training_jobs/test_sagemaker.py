"""The SageMaker backend against the fake service: names, adoption, stop, refusals."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from include.aws_errors import aws_errors
from include.composition import Services
from include.contracts.errors import ConfigurationError, TransientError
from include.jobs.state import JobExistsError, JobNotFoundError, JobStatus
from include.lake import keys
from include.training_jobs.sagemaker import SETTINGS, SageMakerTraining
from include.training_jobs.source import PROGRAM, sha256_of, source_archive
from include.training_jobs.spec import TrainingSpec, build_spec
from tests.fakes.sagemaker import shared_service
from tests.fakes.training_aws import aws_services
from tests.fakes.training_request import make_request


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    yield from aws_services(tmp_path, monkeypatch)


def _backend(services: Services, **changes: Any) -> SageMakerTraining:
    return SageMakerTraining(
        client=boto3.client("sagemaker"),
        settings=services.settings.training.model_copy(update=changes),
        lake=services.lake,
    )


def _spec(services: Services, tmp_path: Path) -> TrainingSpec:
    request = make_request(services, tmp_path)
    return build_spec(
        request_id=request.request_id,
        generation=0,
        lake_uri=services.lake.uri(""),
        data_sha256=request.data_sha256,
    )


def test_a_job_is_created_once_described_and_stopped(services: Services, tmp_path: Path) -> None:
    backend, spec = _backend(services), _spec(services, tmp_path)
    backend.create(spec)
    with pytest.raises(JobExistsError):
        _backend(services).create(spec)
    found = backend.describe(spec.name)
    assert (found.status, found.spec_hash) == (JobStatus.IN_PROGRESS, spec.spec_hash)
    backend.stop(spec.name)
    while not (found := backend.describe(spec.name)).status.is_terminal:
        time.sleep(0.1)
    assert found.status is JobStatus.STOPPED
    backend.stop(spec.name)
    assert any("Downloading" in line for line in backend.news(spec.name))
    assert backend.news(spec.name) == []
    with pytest.raises(TransientError, match="left no"):
        backend.fetch(spec, tmp_path / "fetched")


def test_what_is_asked_for(services: Services, tmp_path: Path) -> None:
    backend, spec = _backend(services), _spec(services, tmp_path)
    backend.create(spec)
    backend.stop(spec.name)
    asked = boto3.client("sagemaker").describe_training_job(TrainingJobName=spec.name)
    assert asked["EnableManagedSpotTraining"] is True
    assert asked["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 3600,
        "MaxWaitTimeInSeconds": 86400,
    }
    checkpoints = keys.retraining_checkpoints(spec.request_id)
    assert asked["CheckpointConfig"]["S3Uri"] == f"{spec.lake_uri}/{checkpoints}"
    assert asked["HyperParameters"]["sagemaker_program"] == f'"{PROGRAM}"'
    assert spec.lake_uri.startswith("s3://training-")
    assert len(spec.name) <= 63
    archive = source_archive()
    assert services.lake.get_bytes(keys.training_source(sha256_of(archive))) == archive


def test_the_code_is_the_same_bytes_each_time_and_holds_what_the_script_imports() -> None:
    archive = source_archive()
    assert source_archive() == archive
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = set(tar.getnames())
    assert {
        PROGRAM,
        "requirements.txt",
        "ml/training/job.py",
        "include/contracts/labels.py",
    } <= names
    assert not any(name.startswith(("include/lake", "ml/weights")) for name in names)


@pytest.mark.usefixtures("at_once")
def test_an_unknown_job_and_throttling_are_told_apart(services: Services) -> None:
    backend = _backend(services)
    with pytest.raises(JobNotFoundError):
        backend.describe("fex-train-unheard-of")
    shared_service().control(throttle_every=1)
    with pytest.raises(TransientError):
        backend.describe("fex-train-unheard-of")


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"role_arn": None}, "FEX_TRAINING__ROLE_ARN"),
        ({"image_uri": ""}, "FEX_TRAINING__IMAGE_URI"),
    ],
)
def test_a_missing_setting_is_named_at_start(
    services: Services, changes: dict[str, Any], setting: str
) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        _backend(services, **changes)


@pytest.mark.parametrize(
    ("code", "message", "setting"),
    [
        (
            "ValidationException",
            "Value at 'stoppingCondition.maxWaitTimeInSeconds' is too low",
            "FEX_TRAINING__MAX_WAIT_S",
        ),
        ("ValidationException", "who knows", "FEX_TRAINING__BACKEND"),
        # Who was refused is no role that a setting names.
        ("AccessDeniedException", "assumed-role/x may not do that", "FEX_TRAINING__BACKEND"),
    ],
)
def test_what_a_person_must_change_is_named(code: str, message: str, setting: str) -> None:
    refusal = ClientError({"Error": {"Code": code, "Message": message}}, "CreateTrainingJob")
    with pytest.raises(ConfigurationError) as raised, aws_errors(SETTINGS):
        raise refusal
    assert raised.value.setting == setting
