"""Services whose lake and training jobs are AWS's: moto, and the fake SageMaker."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from include.composition import Services, build_services
from include.settings import Settings, StorageSettings, TrainingSettings
from tests.fakes.sagemaker import shared_service

REGION = "eu-central-1"
ROLE = "arn:aws:iam::123456789012:role/training"


def aws_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    service = shared_service()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", service.url)
    bucket = f"training-{time.time_ns()}"
    boto3.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    yield build_services(
        Settings(
            storage=StorageSettings(
                lake_url=f"s3://{bucket}/lake",
                s3_endpoint_url=service.url,
                s3_region=REGION,
                ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite",
            ),
            training=TrainingSettings(
                backend="sagemaker", role_arn=ROLE, image_uri="1.dkr.ecr/training:2", timeout_s=3600
            ),
        )
    )
    service.control(interrupt_training=0, throttle_every=0)
