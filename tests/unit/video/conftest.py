"""Recordings made once per session, and a short way to extract one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.settings import ExtractionSettings, LimitSettings
from include.video.extract import ExtractionResult, extract_file
from tests.media import make_media


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each made recording, by name."""
    return make_media.make_all(tmp_path_factory.mktemp("media"))


@dataclass(frozen=True)
class Extracted:
    """An extraction and its manifest rows."""

    result: ExtractionResult
    rows: list[dict[str, Any]]
    workdir: Path

    def column(self, name: str) -> list[Any]:
        """One column of the manifest."""
        return [row[name] for row in self.rows]


@pytest.fixture
def extract(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Extracted]:
    """Extract a file with default settings, changed by keywords."""

    def run(path: Path, *, limits: LimitSettings | None = None, **settings: Any) -> Extracted:
        workdir = tmp_path_factory.mktemp("extraction")
        result = extract_file(
            path,
            path.name,
            video_id="0" * 32,
            extraction_id="e" * 32,
            settings=ExtractionSettings(**settings),
            limits=limits or LimitSettings(),
            workdir=workdir,
        )
        return Extracted(result, pq.read_table(result.manifest_path).to_pylist(), workdir)

    return run
