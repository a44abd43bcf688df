"""A request for a retraining with data that trains in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from include.composition import Services, build_services
from include.governance.retraining.requests import ask
from include.jobs.processes import stop_all
from include.lake import keys
from include.settings import (
    Settings,
    TrainingSettings,
    TransformSettings,
)
from include.training_jobs.coordinator import TrainingCoordinator
from include.training_jobs.data import store_data
from include.training_jobs.embedded import EmbeddedTraining, TrainingFolder
from include.training_jobs.spec import TrainingSpec, build_spec
from ml.data.bundle import Bundle, write_bundle
from ml.data.records import VOTE_NAMES, FaceTable
from tests.fakes.home import storage_in

PER_CLASS = 8
RECIPE: dict[str, Any] = {
    "name": "tiny",
    "seed": 1,
    "model": {"width": 0.25},
    "optimiser": {"learning_rate": 0.001, "weight_decay": 0.01, "warmup_epochs": 0},
    "stages": [{"input_side_px": 32, "epochs": 2, "batch": 28}],
}


def table(seed: int, per_class: int = PER_CLASS) -> FaceTable:
    """Noise with a bright bar at a place of its own for each expression."""
    generator = np.random.default_rng(seed)
    images, votes = [], []
    for label in range(7):
        for _ in range(per_class):
            image = generator.integers(0, 90, (32, 32), np.uint8)
            image[label * 4 : label * 4 + 4] += 120
            images.append(image)
            votes.append([5 if place == label else 0 for place in range(len(VOTE_NAMES))])
    return FaceTable(
        keys=tuple(f"{seed:02x}{place:062x}" for place in range(len(images))),
        images=np.stack(images),
        votes=np.array(votes, np.int64),
        sources=("made",) * len(images),
    )


@dataclass
class Request:
    """An accepted request with its data in the lake."""

    services: Services
    request_id: str
    run_id: str
    data_sha256: str

    def spec(self, generation: int = 0) -> TrainingSpec:
        return build_spec(
            request_id=self.request_id,
            generation=generation,
            lake_uri=self.services.lake.uri(""),
            data_sha256=self.data_sha256,
        )

    def folder(self, generation: int = 0) -> TrainingFolder:
        return TrainingFolder(
            self.services.settings.transform.jobs_dir / self.spec(generation).name
        )

    @property
    def checkpoint(self) -> Path:
        shared = self.services.settings.transform.jobs_dir / ".training" / self.request_id
        return shared / "run" / "checkpoint.safetensors"

    def backend(self) -> EmbeddedTraining:
        return EmbeddedTraining(settings=self.services.settings, lake=self.services.lake)

    def coordinator(self, backend: Any = None, **changes: Any) -> TrainingCoordinator:
        return TrainingCoordinator(
            backend=backend or self.backend(),
            book=self.services.ledger.retraining,
            settings=self.services.settings.training.model_copy(update=changes),
            lake_uri=self.services.lake.uri(""),
        )


def make_settings(home: Path, **training: Any) -> Settings:
    return Settings(
        storage=storage_in(home),
        transform=TransformSettings(jobs_dir=home / "jobs"),
        training=TrainingSettings(
            **{"poll_interval_s": 0.1, "embedded_threads": 1, "max_generations": 2, **training}
        ),
    )


def make_request(services: Services, scratch: Path, *, epochs: int = 2, **recipe: Any) -> Request:
    outcome = ask(services, reason="manual", in_cooldown=True)
    assert outcome.run_id
    folder = scratch / "bundle"
    write_bundle(folder, Bundle(table(1), table(2, 2), {"made": True}))
    stages = [{**RECIPE["stages"][0], "epochs": epochs}]
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**RECIPE, "stages": stages, **recipe}))
    sealed = store_data(services.lake, keys.retraining_data(outcome.request_id), folder)
    return Request(services, outcome.request_id, outcome.run_id, sealed)


def stopped_services(home: Path, **training: Any) -> Iterator[Services]:
    """Services whose jobs are stopped at the end, whatever the test did."""
    yield build_services(make_settings(home, **training))
    stop_all(home / "jobs")


def until(condition: Callable[[], bool], what: str, timeout_s: float = 300) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


def trainers(home: Path) -> list[int]:
    """Living training processes of a test."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"include.training_jobs.runner" in line and str(home).encode() in line:
            found.append(int(folder.name))
    return found
