"""A respondent is erased from a lake in which every part of the loop has left something.

Afterwards no object and no row of the ledger holds a name, an id or a picture of the person,
and everybody else's results are what they were.
"""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from include.composition import Services, build_embedded_backend, build_registry
from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.labels import EXPRESSIONS
from include.governance.release.documents import Beside, SideBySide
from include.governance.retraining.requests import ask
from include.insights.change import Change
from include.lake import keys
from include.lake.store import Lake
from include.ledger.erasure import ErasureBook
from include.ledger.retraining_tables import RequestState
from include.pipeline import intake as video_intake
from include.pipeline import transform
from include.pipeline.current import current
from include.pipeline.drift import figures
from include.pipeline.erasure import stage
from include.pipeline.labelling import intake, queue, tables
from include.pipeline.labelling.records import read_draws
from include.pipeline.model_retraining import documents
from include.pipeline.reprocess import begin, put_in_front, report, republish
from ml.data.annotations import load_annotations
from ml.data.bundle import Bundle, write_bundle
from ml.data.frozen import write_frozen
from ml.data.records import FaceTable
from ml.registry.champion import register_packaged_champion
from tests.fakes.tiny_package import build_tiny_package
from tests.integration.conftest import Pipeline
from tests.integration.loop_lake import answers_csv, at, drop_answers, drop_week, loop_pipeline

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

STUDY, WHO = "Spot ä", "P00"
NAME, OTHER = "r00.mp4", "r01.mp4"
PEOPLE = 3
DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEXTS = (".json", ".csv", ".html", ".jsonl", ".xml", ".manifest", ".out", ".md", "/file")


@dataclass
class World:
    """A lake with everything in it, and what of it is the person's."""

    pipeline: Pipeline
    tokens: set[str]
    crops: list[bytes]
    request_id: str

    @property
    def services(self) -> Services:
        return self.pipeline.services


@pytest.fixture
def world(tmp_path: Path) -> World:
    pipeline = loop_pipeline(tmp_path)
    drop_week(pipeline, STUDY, people=PEOPLE, seconds=3)
    # The same bytes under another name in another study, and a version that cannot be read.
    (pipeline.incoming / "other").mkdir()
    copy = (pipeline.incoming / STUDY / NAME).read_bytes()
    (pipeline.incoming / "other" / "copy.mp4").write_bytes(copy)
    services = at(pipeline, DAY)
    pipeline.run("week 1")
    (pipeline.incoming / STUDY / NAME).write_bytes(b"no video at all")
    pipeline.run("later")
    registry, name = build_registry(services.settings), services.settings.model.name
    register_packaged_champion(registry, name=name)
    _label(pipeline)
    _again(pipeline, tmp_path)
    at(pipeline, DAY + timedelta(days=3))
    figures.collect(services, DAY.date(), DAY.date())
    request_id = _retraining(pipeline, tmp_path)
    rows = services.ledger.erasure.uploads(STUDY, {NAME})
    extraction_ids = {row.extraction_id for row in rows if row.extraction_id}
    tokens = {
        NAME,
        "copy.mp4",
        *extraction_ids,
        *services.ledger.erasure.analyses([row.id for row in rows]),
    }
    tokens |= {row.video_id for row in rows if row.video_id}
    crops = [crop for one in extraction_ids for crop in _crops(services, one)]
    assert crops
    return World(pipeline, tokens, crops, request_id)


def _label(pipeline: Pipeline) -> None:
    services = at(pipeline, DAY + timedelta(days=1))
    queue.run(services, "draw")
    (draw,) = read_draws(services.lake)
    answers = answers_csv(draw, lambda number, _: EXPRESSIONS[number % 7])
    drop_answers(pipeline, "answers.csv", answers)
    at(pipeline, datetime.now(UTC) + timedelta(minutes=1))
    assert intake.run(services)["votes"] == 2 * len(draw.selected)


def _again(pipeline: Pipeline, home: Path) -> None:
    """All of the study, answered by a second model, with a report of what changes."""
    services = at(pipeline, DAY + timedelta(days=2))
    package = home / "tiny.tar.gz"
    build_tiny_package(package, abstain_threshold=0.2, temperature=1.0, metrics={})
    registry, name = build_registry(services.settings), services.settings.model.name
    registry.set_alias(name, "challenger", registry.register(name, package).version)
    batch_id = begin.run(services, "r1", study=STUDY)
    transform.run(services, batch_id, build_embedded_backend(services))
    for stage_of_run in (republish, put_in_front, report):
        stage_of_run.run(services, "r1")


def _retraining(pipeline: Pipeline, home: Path) -> str:
    """A retraining that has ended: its data, a frozen set, the comparison on recordings."""
    services = pipeline.services
    request_id = ask(services, reason="manual", run_id="m").request_id
    services.ledger.retraining.start("m", 60)
    folder = home / "lake" / "labels" / "annotations"
    faces = list(load_annotations(folder))
    table = FaceTable(
        keys=tuple(face.key for face in faces),
        images=np.zeros((len(faces), 8, 8), np.uint8),
        votes=np.array([face.votes for face in faces], np.int64),
        sources=("annotations",) * len(faces),
    )
    write_bundle(home / "bundle", Bundle(table, table, {}))
    services.lake.put_folder(keys.retraining_data(request_id), home / "bundle")
    write_frozen(home / "labels.zip", "new labels", faces)
    services.lake.put_file(keys.retraining_frozen(request_id, "labels"), home / "labels.zip")
    nothing = Change(0, 0.0, 0.0, ("none", "none"), {}, (0.0, 0.0), (0.0, 0.0))
    beside = [
        Beside(study, name, "a" * 32, keys.published_recording(study, name), nothing)
        for study, name in ((STUDY, NAME), (STUDY, OTHER))
    ]
    documents.write(
        services, request_id, documents.SIDE_BY_SIDE, SideBySide("2026-11-01", "2026-11-08", beside)
    )
    return request_id


def _crops(services: Services, extraction_id: str) -> Iterator[bytes]:
    for key in services.lake.list(f"{keys.extraction(extraction_id)}/shards"):
        with tarfile.open(fileobj=io.BytesIO(services.lake.get_bytes(key))) as tar:
            for member in tar:
                stream = tar.extractfile(member)
                assert stream is not None
                yield stream.read()


def _contents(world: World) -> Iterator[tuple[str, str, bytes]]:
    """Key, what can be read in it, and the bytes, of every object and of the ledger."""
    root = world.pipeline.home / "lake"
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        key, content = path.relative_to(root).as_posix(), path.read_bytes()
        if key.endswith(".parquet"):
            text = json.dumps(pq.read_table(io.BytesIO(content)).to_pylist(), default=str)
        elif key.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                members = [archive.read(name) for name in archive.namelist()]
            text, content = "", b"".join(members)
        else:
            text = content.decode("utf-8", "replace") if key.endswith(TEXTS) else ""
        yield key, text, content
    with sqlite3.connect(world.pipeline.home / "ledger.sqlite") as ledger:
        yield "ledger", "\n".join(ledger.iterdump()), b""


def _traces(world: World) -> set[str]:
    """Where the person can still be found."""
    found = set()
    encoded = [base64.b64encode(crop) for crop in world.crops]
    for key, text, content in _contents(world):
        named = any(token in text or token in key for token in world.tokens)
        shown = any(crop in content for crop in (*world.crops, *encoded))
        if named or shown:
            found.add(key)
    return found


def _rooms(traces: set[str]) -> set[str]:
    return {trace.partition("/")[0] for trace in traces}


def _erase(world: World) -> dict[str, Any]:
    return stage.run(world.services, "e1", study=STUDY, respondent=WHO, asked_by="Ada")


def test_no_object_and_no_row_holds_the_person_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, lake = world.services, world.services.lake
    before = _traces(world)
    assert _rooms(before) >= {
        "incoming", "extractions", "validations", "transforms", "analyses", "published",
        "quarantine", "data-docs", "labels", "reprocess", "monitoring", "retraining", "ledger",
    }  # fmt: skip
    kept = {key: lake.get_bytes(key) for key in lake.list(keys.published_recording(STUDY, OTHER))}

    with pytest.raises(PlatformError, match="has not ended"):
        _erase(world)
    assert _traces(world) == before, "nothing is erased while a retraining holds a face"
    services.ledger.retraining.finish("m", RequestState.REJECTED, why="a test")
    deaths, record = _die_and_go_on(world, monkeypatch)

    assert deaths > 15
    answers = "labels/incoming/answers.csv"
    assert not record.done, "the file of answers is people's: it is named, not touched"
    left = [one.place for one in record.left]
    assert [place.endswith(answers) for place in left] == [True], "\n".join(left)
    assert _traces(world) == {answers, keys.open_erasure("e1")}
    (world.pipeline.home / "lake" / answers).unlink()
    deaths, record = _die_and_go_on(world, monkeypatch)
    assert deaths > 2
    assert record.done
    assert not record.not_looked_into
    assert _traces(world) == set()
    assert (world.pipeline.incoming / STUDY / OTHER).exists()
    assert {key: lake.get_bytes(key) for key in kept} == kept
    assert current(lake, STUDY, OTHER) is not None
    respondents = (world.pipeline.incoming / STUDY / "respondents.csv").read_text()
    assert respondents.split("\n")[1:] == ["r01.mp4,P01,25-34", "r02.mp4,P02,25-34", ""]
    # What is left works: labels of the others, the change report, the drift figures.
    (draw,) = read_draws(lake)
    assert {item.instant.recording for item in draw.selected} <= {OTHER, "r02.mp4"}
    assert tables.read_summary(lake).faces == len(draw.selected) > 0
    folder = world.pipeline.home / "lake" / keys.LABEL_ANNOTATIONS
    assert len(list(load_annotations(folder))) == len(draw.selected)
    changed = json.loads(lake.get_bytes(keys.reprocess("r1", report.DOCUMENT)))
    assert {item["recording"] for item in changed["recordings"]} == {OTHER, "r02.mp4"}
    assert len(figures.read(services, DAY.date(), DAY.date()).sample) == PEOPLE - 1
    assert _erase(world) == record, "repeated, it returns its record"
    assert world.pipeline.run("after") == [], "nothing is found or analysed again"


def _die_and_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    """Kill an erasure before its first change, its second, ... until one comes to its end."""
    for step in range(1, 80):
        with monkeypatch.context() as patch:
            _die_at(patch, step)
            try:
                return step - 1, _erase(world)
            except KeyboardInterrupt:
                continue
    raise AssertionError("no end")


def _die_at(patch: pytest.MonkeyPatch, step: int) -> None:
    left = step

    def dying(original: Any) -> Any:
        def method(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return original(*arguments, **named)

        return method

    for owner, names in (
        (
            Lake,
            (
                "delete",
                "delete_prefix",
                "put_bytes",
                "remove_original",
                "replace_respondents",
                "erase_versions",
            ),
        ),
        (ErasureBook, ("hold", "forget_analyses", "forget", "scrub")),
    ):
        for name in names:
            patch.setattr(owner, name, dying(getattr(owner, name)))


def test_what_is_in_work_is_not_erased(tmp_path: Path) -> None:
    pipeline = loop_pipeline(tmp_path)
    path = pipeline.incoming / STUDY / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a recording")
    services = at(pipeline, datetime.now(UTC) + timedelta(minutes=1))
    (batch,) = video_intake.run(services, "run")
    asked = {"study": STUDY, "recordings": [NAME], "asked_by": "Ada"}
    with pytest.raises(PlatformError, match="are being analysed"):
        stage.run(services, "e", **asked)
    assert path.exists()
    at(pipeline, datetime.now(UTC) + timedelta(days=1))  # the lease is over
    assert stage.run(services, "e", **asked).erased["originals"] == 1
    assert not path.exists()
    assert services.ledger.recordings(str(batch["trigger_run_id"])) == []
    assert sum(services.ledger.counts().values()) == 0


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"respondent": "P77"}, "names no recording of 'P77'"),
        ({"recordings": ["r77.mp4"]}, "has no recording 'r77.mp4'"),
        ({}, "name a respondent"),
    ],
)
def test_nobody_of_that_name_is_refused(
    tmp_path: Path, asked: dict[str, object], problem: str
) -> None:
    pipeline = loop_pipeline(tmp_path)
    folder = pipeline.incoming / STUDY
    folder.mkdir(parents=True)
    (folder / "respondents.csv").write_text("recording,respondent\na.mp4,P1\n")
    with pytest.raises(ConfigurationError, match=problem):
        stage.run(pipeline.services, "e", study=STUDY, asked_by="Ada", **asked)
    assert list(pipeline.services.lake.list("erasures")) == []
