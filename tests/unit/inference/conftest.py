"""A SageMaker for the coordinator's tests: its jobs take a fraction of a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.inference_platform import Platform, SageMakerKind
from tests.fakes.sagemaker import Controls, FakeSageMaker, shared_service


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeSageMaker:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    service = shared_service()
    service.controls = Controls()
    return service


@pytest.fixture
def platform(service: FakeSageMaker, tmp_path: Path) -> Platform:
    return Platform(SageMakerKind(tmp_path, service), tmp_path)
