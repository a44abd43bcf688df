"""A platform without Airflow: lake, ledger and the stages, in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from include.composition import Services, build_services
from include.ledger.ledger import Recording
from include.pipeline import intake, open_batch
from include.pipeline.run_batch import run_batch
from include.settings import (
    DiscoverySettings,
    ReportSettings,
    Settings,
    StorageSettings,
    TransformSettings,
)


@dataclass
class Pipeline:
    """Drops recordings and runs the stages on them."""

    home: Path
    services: Services

    @property
    def incoming(self) -> Path:
        return self.home / "lake" / "incoming"

    def run(self, key: str = "run") -> list[str]:
        """One intake and all of its batches; returns their ids."""
        batches = [str(entry["trigger_run_id"]) for entry in intake.run(self.services, key)]
        for batch_id in batches:
            open_batch.pin_packaged(self.services, batch_id)
            run_batch(self.services, batch_id)
        return batches

    def recordings(self, batches: list[str]) -> dict[str, Recording]:
        """What became of each recording, by its name."""
        return {
            recording.recording: recording
            for batch_id in batches
            for recording in self.services.ledger.recordings(batch_id)
        }


def make_pipeline(
    home: Path, *, report: ReportSettings | None = None, **discovery: object
) -> Pipeline:
    settings = Settings(
        storage=StorageSettings(
            lake_url=(home / "lake").as_uri(),
            ledger_url=f"sqlite:///{home}/ledger.sqlite",
            scratch_dir=home / "scratch",
        ),
        discovery=DiscoverySettings(**{"stable_for_s": 0.0, **discovery}),
        transform=TransformSettings(jobs_dir=home / "jobs", poll_interval_s=0.1),
        report=report or ReportSettings(),
    )
    return Pipeline(home, build_services(settings))


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return make_pipeline(tmp_path)
