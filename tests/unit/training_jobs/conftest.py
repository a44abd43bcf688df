from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.composition import Services
from tests.fakes.training_request import Request, make_request, stopped_services


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    yield from stopped_services(tmp_path)


@pytest.fixture
def request_for_training(services: Services, tmp_path: Path) -> Request:
    return make_request(services, tmp_path)
