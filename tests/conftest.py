"""Fixtures every room may use."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets and clips beside the project; skips where there is none."""
    folder = Path(os.environ.get("FEX_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the public data sets are not here ({folder}); set FEX_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def shared_cases(shared_data: Path) -> Path:
    """The folder of small recordings that once were read wrongly; skips where there is none."""
    folder = shared_data.parent / "cases" / "recordings"
    if not folder.is_dir():
        pytest.skip(f"the recordings are not here ({folder})")
    return folder


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore repeats what failed as often as ever, without the seconds between."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
