"""A SageMaker for the coordinator's tests: its jobs take a fraction of a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.inference_platform import Platform, SageMakerKind
from tests.fakes.sagemaker import Controls, FakeSageMaker


@pytest.fixture(scope="session")
def _running_service() -> Iterator[FakeSageMaker]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        service = FakeSageMaker().start()
        yield service
        service.stop()


@pytest.fixture
def service(_running_service: FakeSageMaker) -> FakeSageMaker:
    _running_service.controls = Controls()
    return _running_service


@pytest.fixture
def platform(service: FakeSageMaker, tmp_path: Path) -> Platform:
    return Platform(SageMakerKind(tmp_path, service), tmp_path)
