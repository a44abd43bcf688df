"""Fixtures of the re-analysis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from include.pipeline.reprocess import begin, put_in_front
from tests.unit.pipeline.reprocess.support import Made, make


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Made]:
    """Make a platform whose registry is the shelf."""

    def made(**arguments: int) -> Made:
        platform = make(tmp_path, **arguments)
        for module in (begin, put_in_front):
            monkeypatch.setattr(module, "build_registry", lambda _: platform.shelf)
        return platform

    return made
