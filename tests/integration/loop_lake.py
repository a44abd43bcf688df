"""A lake with weeks of results, written by the pipeline's own stages from made recordings.

Respondents are one portrait, mirrored, tinted and relit: the model reads them differently,
and nobody has to be downloaded.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from pydantic import SecretStr

from include.composition import Services, build_services
from include.labelling.queue import Draw
from include.labelling.votes import ANSWERS
from include.settings import (
    DiscoverySettings,
    EvaluationSettings,
    LabelSettings,
    ModelSettings,
    Settings,
    StorageSettings,
    TransformSettings,
)
from tests.integration.conftest import Pipeline
from tests.media.make_media import Image, encode, head, paste, texture

Truth = Callable[[int, tuple[float, ...]], str]


def loop_pipeline(home: Path, **labels: object) -> Pipeline:
    """A platform whose queues are small enough for a few made recordings."""
    settings = Settings(
        storage=StorageSettings(
            lake_url=(home / "lake").as_uri(),
            ledger_url=f"sqlite:///{home}/ledger.sqlite",
            scratch_dir=home / "scratch",
        ),
        discovery=DiscoverySettings(stable_for_s=0.0),
        transform=TransformSettings(jobs_dir=home / "jobs", poll_interval_s=0.1),
        model=ModelSettings(
            mlflow_tracking_uri=f"sqlite:///{home}/mlflow.sqlite",
            mlflow_artifact_uri=(home / "mlflow-artifacts").as_uri(),
        ),
        labels=LabelSettings(
            **{
                "pseudonym_key": SecretStr("a secret of the tests"),
                "random": 9,
                "uncertainty": 4,
                "disagreement": 2,
                "cap_per_respondent": 4,
                **labels,
            }
        ),
        evaluation=EvaluationSettings(min_judged=10, min_respondents=4),
    )
    return Pipeline(home, build_services(settings))


def drop_week(pipeline: Pipeline, study: str, *, people: int, seconds: int = 5) -> None:
    """Drop one recording for each of so many people, with the study's respondents.csv."""
    folder = pipeline.incoming / study
    folder.mkdir(parents=True)
    lines = ["recording,respondent,age_group"]
    for person in range(people):
        encode(folder / f"r{person:02d}.mp4", _pictures(f"{study}/{person}", seconds), rate=5)
        lines.append(f"r{person:02d}.mp4,P{person:02d},25-34")
    (folder / "respondents.csv").write_text("\n".join(lines) + "\n")


def at(pipeline: Pipeline, now: datetime) -> Services:
    """Set the platform's clock."""
    pipeline.services.ledger.clock = lambda: now
    return pipeline.services


def answers_csv(draw: Draw, truth: Truth, people: Iterable[str] = ("anna", "ben")) -> bytes:
    """What annotators answer, as the plain CSV: `truth` of the item's number and probabilities."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("row_id", "annotator", "label", "answered_at"))
    for number, item in enumerate(draw.selected):
        for person in people:
            label = truth(number, item.instant.champion)
            assert label in ANSWERS
            writer.writerow((item.instant.row_id, person, label, "2026-03-10T10:00:00Z"))
    return text.getvalue().encode()


def label_studio_export(tasks: bytes, draw: Draw, truth: Truth, person: object) -> bytes:
    """What Label Studio exports when one person has answered every task that it was given."""
    champion = {item.instant.row_id: item.instant.champion for item in draw.selected}
    exported = []
    for number, task in enumerate(json.loads(tasks)):
        label = truth(number, champion[task["data"]["row_id"]])
        exported.append(
            {
                "id": number,
                **task,
                "annotations": [
                    {
                        "completed_by": person,
                        "was_cancelled": False,
                        "updated_at": "2026-03-10T11:00:00Z",
                        "result": [
                            {
                                "from_name": "displayed_expression",
                                "to_name": "image",
                                "type": "choices",
                                "value": {"choices": [label]},
                            }
                        ],
                    }
                ],
            }
        )
    return json.dumps(exported).encode()


def drop_answers(pipeline: Pipeline, name: str, content: bytes) -> None:
    """Drop a file of answers as a person does."""
    path = pipeline.home / "lake" / "labels" / "incoming" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _pictures(name: str, seconds: int) -> list[Image]:
    generator = np.random.default_rng(list(name.encode()))
    face = head(second_person=bool(generator.random() < 0.5)).astype(np.float32)
    face = np.clip(face * generator.uniform(0.55, 1.2) * generator.uniform(0.8, 1.2, 3), 0, 255)
    tilt = cv2.getRotationMatrix2D((90, 100), generator.uniform(-15, 15), 1.0)
    seed = int(generator.integers(1 << 16))
    pictures = []
    for index in range(seconds * 5):
        share = index / max(1, seconds * 5 - 1)
        squeeze = 1.0 + 0.25 * np.sin(2 * np.pi * share + generator.uniform(0, 0.05))
        posed = cv2.warpAffine(
            face.astype(np.uint8), tilt, (180, 200), borderMode=cv2.BORDER_REFLECT
        )
        posed = cv2.resize(posed, None, fx=1.0, fy=float(squeeze))
        picture = texture((320, 240), seed)
        paste(picture, posed, (160, 120), 150)
        pictures.append(picture)
    return pictures
