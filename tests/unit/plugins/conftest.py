"""Airflow as the plugins see it: a home of its own, the plugins folder on the path."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

# Airflow reads its home when it is first imported, which is before any fixture.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))

PLUGINS = str(Path(__file__).parents[3] / "plugins")
if PLUGINS not in sys.path:
    sys.path.insert(0, PLUGINS)

from tests.fakes.inference_platform import EmbeddedKind, Platform, SageMakerKind  # noqa: E402
from tests.fakes.sagemaker import FakeSageMaker, shared_service  # noqa: E402


@pytest.fixture(scope="session")
def service() -> FakeSageMaker:
    return shared_service()


@pytest.fixture(params=["embedded", "sagemaker"])
def platform(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    return _platform(request.param, request, tmp_path, monkeypatch)


@pytest.fixture
def aws(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    return _platform("sagemaker", request, tmp_path, monkeypatch)


def _platform(
    name: str, request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    kind = (
        EmbeddedKind(folder)
        if name == "embedded"
        else SageMakerKind(folder, request.getfixturevalue("service"))
    )
    platform = Platform(kind, folder)
    for variable, value in platform.environment().items():
        monkeypatch.setenv(variable, value)
    return platform
