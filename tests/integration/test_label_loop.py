"""Labels from end to end: recordings, the pipeline's stages, a draw, answers, evaluation.

The tests tell one story in order: a week, its labels, a good evaluation, a second week, bad
labels, a degraded model.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from include.composition import Services, build_registry, build_services
from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from include.inference.answers import AnswerIndex
from include.labelling.queue import Draw
from include.labelling.selection import Plan, Stratum, select
from include.lake import keys
from include.observability.embedded import read_metrics
from include.pipeline import model_evaluation, published
from include.pipeline.labelling import intake, milestones, queue
from include.pipeline.labelling.frame import FrameReader
from include.pipeline.labelling.records import read_draws, read_record
from ml.data.annotations import load_annotations
from ml.registry.champion import register_packaged_champion
from ml.registry.protocol import ModelRegistry
from tests.integration.conftest import Pipeline
from tests.integration.loop_lake import (
    answers_csv,
    at,
    drop_answers,
    drop_week,
    label_studio_export,
    loop_pipeline,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

WEEK = timedelta(days=7)
FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
DRAWN = FIRST + timedelta(days=1)
PEOPLE = 5


def soon() -> datetime:
    """A time at which files dropped just now have stopped changing."""
    return datetime.now(UTC) + timedelta(minutes=1)


def agreeing(number: int, champion: tuple[float, ...]) -> str:
    return EXPRESSIONS[int(np.argmax(champion))]


def contradicting(number: int, champion: tuple[float, ...]) -> str:
    return EXPRESSIONS[(int(np.argmax(champion)) + (number % 3 != 0)) % 7]


def denying(number: int, champion: tuple[float, ...]) -> str:
    return EXPRESSIONS[(int(np.argmax(champion)) + 1) % 7]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """One week of published recordings of eight people."""
    made = loop_pipeline(tmp_path_factory.mktemp("loop"))
    drop_week(made, "Spot ä", people=PEOPLE)
    at(made, FIRST)
    made.run("week 1")
    return made


@pytest.fixture(scope="module")
def registry(pipeline: Pipeline) -> ModelRegistry:
    """The embedded registry with the shipped champion."""
    opened = build_registry(pipeline.services.settings)
    register_packaged_champion(opened, name=pipeline.services.settings.model.name)
    return opened


@pytest.fixture(scope="module")
def first(pipeline: Pipeline, registry: ModelRegistry) -> Draw:
    """The first draw."""
    summary = queue.run(at(pipeline, DRAWN), "scheduled__1", registry=registry)
    draw = read_record(pipeline.services.lake, summary["queue_id"])
    assert draw is not None
    assert summary["asked"] == summary["pictures"] == len(draw.selected)
    return draw


def _files(services: Services, prefix: str) -> dict[str, bytes]:
    lake = services.lake
    return {key.removeprefix(f"{prefix}/"): lake.get_bytes(key) for key in lake.list(prefix)}


def test_a_draw_has_the_crops_of_the_shards(pipeline: Pipeline, first: Draw) -> None:
    lake = pipeline.services.lake
    shards: dict[str, bytes] = {}
    for extraction_id in first.sources:
        for key in lake.list(f"extractions/{extraction_id}/shards"):
            with tarfile.open(fileobj=io.BytesIO(lake.get_bytes(key))) as tar:
                for member in tar:
                    stream = tar.extractfile(member)
                    assert stream is not None
                    shards[f"{extraction_id}-{member.name}"] = stream.read()
    files = _files(pipeline.services, keys.label_queue(first.queue_id))
    assert {"queue.json", "tasks.json", "labelling.xml", "answers.csv", "index.html"} < files.keys()
    pictures = {name for name in files if name.startswith("pictures/")}
    assert pictures == {f"pictures/{row_id}.jpg" for row_id in first.asked}
    assert all(files[name] == shards[name.removeprefix("pictures/")] for name in pictures)


def test_what_annotators_get_names_nobody_and_says_nothing_of_the_model(
    pipeline: Pipeline, first: Draw
) -> None:
    files = _files(pipeline.services, keys.label_queue(first.queue_id))
    for name in ("tasks.json", "answers.csv", "index.html", "queue.json"):
        text = files[name].decode()
        for secret in ("Spot", "r00", "P00", "respondent-", "inclusion", "champion", "stratum"):
            assert secret not in text, (name, secret)
    [task, *_] = json.loads(files["tasks.json"])
    assert set(task["data"]) == {"image", "row_id"}
    lines = list(csv.DictReader(io.StringIO(files["answers.csv"].decode())))
    assert [line["row_id"] for line in lines] == [item.instant.row_id for item in first.selected]
    assert all(line["picture"] in files for line in lines)


def test_people_are_pseudonyms_that_respect_the_cap(pipeline: Pipeline, first: Draw) -> None:
    people = [item.instant.respondent for item in first.selected]
    assert len(set(people)) == PEOPLE
    assert all(who.startswith("respondent-") for who in people)
    assert max(people.count(who) for who in people) <= 4
    assert 3 * PEOPLE < first.frame_n <= 6 * PEOPLE
    assert len(people) < first.frame_n
    assert {item.stratum for item in first.selected} >= {Stratum.RANDOM, Stratum.UNCERTAINTY}


def test_a_retry_finishes_the_same_draw(
    pipeline: Pipeline, registry: ModelRegistry, first: Draw
) -> None:
    lake = pipeline.services.lake
    prefix = keys.label_queue(first.queue_id)
    before = _files(pipeline.services, prefix)
    lake.delete(f"{prefix}/queue.json")
    lake.delete(f"{prefix}/tasks.json")
    # Killed before the marker, taken up an hour later.
    again = queue.run(at(pipeline, DRAWN + timedelta(hours=1)), "scheduled__1", registry=registry)
    assert again["queue_id"] == first.queue_id
    assert _files(pipeline.services, prefix) == before
    assert len(read_draws(lake)) == 1


def test_nothing_new_is_no_draw(pipeline: Pipeline, registry: ModelRegistry, first: Draw) -> None:
    services = at(pipeline, DRAWN + WEEK)
    assert queue.run(services, "scheduled__2", registry=registry)["queue_id"] is None
    # By hand, further back than the last draw: what was in its frame stays out.
    since = (FIRST - WEEK).isoformat()
    assert queue.run(services, "manual__1", since=since, registry=registry)["asked"] == 0
    with pytest.raises(ConfigurationError, match="no zone"):
        queue.run(services, "manual__2", since="2026-03-01T00:00", registry=registry)
    assert len(read_draws(services.lake)) == 1


def test_the_challengers_answers_make_disagreements(pipeline: Pipeline, first: Draw) -> None:
    services = pipeline.services
    [champion] = {source.model_sha256 for source in first.sources.values()}
    challenger = "c" * 64
    for extraction_id in first.sources:
        for shard, key in AnswerIndex(services.lake, champion).find(extraction_id).items():
            lines = []
            for line in services.lake.get_bytes(key).splitlines():
                answer = json.loads(line)
                given = list(answer["probabilities"].values())
                turned = dict(zip(answer["probabilities"], [*given[1:], given[0]], strict=True))
                lines.append(json.dumps({"row_id": answer["row_id"], "probabilities": turned}))
            out = f"transforms/by-the-challenger/output/{shard}.out"
            services.lake.put_bytes(out, "\n".join(lines).encode())
            AnswerIndex(services.lake, challenger).add({shard: out})
    reader = FrameReader(services.lake, b"key", champion, challenger)
    frame = reader.read(published.recordings(services, FIRST, DRAWN), drawn=())
    assert len(frame.instants) == first.frame_n
    for item in frame.instants:
        assert item.challenger == (*item.champion[1:], item.champion[0])
    chosen = select(frame.instants, Plan(random=5, uncertainty=0, disagreement=10))
    assert Stratum.DISAGREEMENT in {item.stratum for item in chosen}


def test_of_two_models_the_champion_is_drawn_from(pipeline: Pipeline, first: Draw) -> None:
    services = pipeline.services
    [champion] = {source.model_sha256 for source in first.sources.values()}
    one = next(published.recordings(services, FIRST, DRAWN))
    content = json.loads(services.lake.get_bytes(f"{one.prefix}/manifest.json"))
    content["model"]["sha256"] = "d" * 64
    content["published_at"] = (FIRST + timedelta(hours=1)).isoformat()
    services.lake.put_bytes("published/x/x/other/manifest.json", json.dumps(content).encode())
    table = services.lake.get_bytes(f"{one.prefix}/predictions.parquet")
    services.lake.put_bytes("published/x/x/other/predictions.parquet", table)
    found = list(published.recordings(services, FIRST, DRAWN))
    assert len(found) == PEOPLE + 1
    for preferred, expected in ((champion, champion), ("d" * 64, "d" * 64), (None, "d" * 64)):
        reader = FrameReader(services.lake, b"key", preferred, None)
        frame = reader.read(found, drawn=())
        assert frame.sources[one.extraction_id].model_sha256 == expected
        assert len(frame.instants) == first.frame_n
    services.lake.delete_prefix("published/x")


def test_a_draw_without_the_key_is_refused(pipeline: Pipeline, registry: ModelRegistry) -> None:
    settings = pipeline.services.settings
    bare = settings.model_copy(
        update={"labels": settings.labels.model_copy(update={"pseudonym_key": None})}
    )
    with pytest.raises(ConfigurationError, match="FEX_LABELS__PSEUDONYM_KEY"):
        queue.run(replace(pipeline.services, settings=bare), "x", registry=registry)


def test_answers_come_back_as_votes_that_training_reads(pipeline: Pipeline, first: Draw) -> None:
    services = at(pipeline, soon())
    tasks = services.lake.get_bytes(f"{keys.label_queue(first.queue_id)}/tasks.json")
    drop_answers(
        pipeline,
        "by anna & ben/export 1.json",
        label_studio_export(tasks, first, agreeing, {"id": 1, "email": "anna@x.org"}),
    )
    drop_answers(pipeline, "ben.csv", answers_csv(first, contradicting, ["ben"]))
    bad = answers_csv(first, agreeing, ["cleo"]).replace(b",happiness,", b",joy,", 1)
    drop_answers(pipeline, "cleo.csv", bad)
    summary = intake.run(services)
    assert (summary["read"], summary["quarantined"], summary["waiting"]) == (2, 1, 0)
    assert summary["changed"]
    assert summary["faces"] == len(first.asked)
    folder = Path(pipeline.home) / "lake" / keys.LABEL_ANNOTATIONS
    records = {Path(record.name).stem: record for record in load_annotations(folder)}
    assert records.keys() == first.asked
    assert {sum(record.votes) for record in records.values()} == {2}
    assert "anna" not in (folder / "labels.csv").read_text()

    found = json.loads(services.lake.get_bytes(keys.LABEL_SUMMARY))
    assert found["queues"][0]["labelled_twice"] == len(first.asked)
    assert found["agreement"]["majority_share"]["value"] < 1
    assert found["agreement"]["alpha"]["value"] < 0.9
    page = services.lake.get_bytes(keys.LABEL_PAGE).decode()
    assert "cleo.csv" in page
    assert "unknown label" in page


def test_a_bad_file_is_set_aside_with_its_line_and_never_lost(
    pipeline: Pipeline, first: Draw
) -> None:
    lake = pipeline.services.lake
    [key] = [key for key in lake.list("quarantine") if key.endswith("reason.json")]
    reason = json.loads(lake.get_bytes(key))
    assert reason["code"] == "bad_label_file"
    assert "cleo.csv, line " in reason["sentence"]
    assert "'joy'" in reason["sentence"]
    dropped = {path.name for path in (pipeline.home / "lake/labels/incoming").rglob("*.*")}
    assert dropped == {"export 1.json", "ben.csv", "cleo.csv"}
    copies = [lake.get_bytes(key) for key in lake.list(keys.LABEL_ANSWERS) if key.endswith("/file")]
    originals = [
        path.read_bytes() for path in (pipeline.home / "lake/labels/incoming").rglob("*.*")
    ]
    assert sorted(copies) == sorted(originals)


def test_nothing_new_changes_nothing_and_a_crash_is_made_up_for(pipeline: Pipeline) -> None:
    services = at(pipeline, soon())
    assert intake.run(services)["changed"] is False
    before = services.lake.get_bytes(f"{keys.LABEL_ANNOTATIONS}/labels.csv")
    # Killed between the receipts and the tables: both are behind.
    services.lake.delete(f"{keys.LABEL_ANNOTATIONS}/labels.csv")
    services.lake.delete(keys.LABEL_SUMMARY)
    again = intake.run(services)
    assert (again["read"], again["changed"]) == (0, True)
    assert services.lake.get_bytes(f"{keys.LABEL_ANNOTATIONS}/labels.csv") == before


def test_a_corrected_file_is_new_and_a_growing_one_waits(pipeline: Pipeline, first: Draw) -> None:
    path = pipeline.home / "lake/labels/incoming/cleo.csv"
    path.write_bytes(answers_csv(first, agreeing, ["cleo"]))
    settings = pipeline.services.settings
    patient = settings.model_copy(
        update={"discovery": settings.discovery.model_copy(update={"stable_for_s": 30.0})}
    )
    services = replace(at(pipeline, datetime.now(UTC)), settings=patient)
    assert intake.run(services)["waiting"] == 1
    later = at(pipeline, soon())
    summary = intake.run(replace(later, settings=patient))
    assert (summary["read"], summary["votes"], summary["changed"]) == (1, len(first.asked), True)
    os.utime(path)  # another version of the same bytes
    again = intake.run(at(pipeline, soon()))
    assert (again["read"], again["changed"]) == (1, False), "the labels are the same"


def test_figures_of_the_labels_reach_the_sink(pipeline: Pipeline) -> None:
    lake = pipeline.services.lake
    drawn = {metric.name for metric in read_metrics(lake, DRAWN.date())}
    assert {"LabelsAsked", "LabelFrame"} <= drawn
    today = {metric.name: metric for metric in read_metrics(lake, datetime.now(UTC).date())}
    assert {"LabelVotes", "LabelFilesQuarantined", "LabelAgreementAlpha"} <= today.keys()


# --- evaluation -----------------------------------------------------------------------


def test_people_who_mostly_agree_with_the_champion_find_it_healthy(
    pipeline: Pipeline, registry: ModelRegistry, first: Draw
) -> None:
    services = at(pipeline, DRAWN + WEEK)
    outcome = model_evaluation.run(services, registry=registry)
    assert outcome["health"] == "healthy", outcome["reason"]
    assert model_evaluation.ask_for_retraining(services, outcome) == []
    document = json.loads(services.lake.get_bytes(outcome["key"]))
    assert document["window"]["queues"] == [first.queue_id]
    assert document["window"]["published"] == first.frame_n
    assert document["estimates"]["respondents_n"] == PEOPLE
    assert document["estimates"]["figures"]["accuracy"]["value"] == 1.0
    assert document["references"][0]["name"] == "the sealed test figures"
    assert document["references"][0]["figures"]["accuracy"]["n"] > 1000
    assert document["agreement"]["faces_n"] == len(first.asked)


@pytest.fixture(scope="module")
def second(pipeline: Pipeline, registry: ModelRegistry, first: Draw) -> Draw:
    """A second week, its draw, and annotators who contradict every answer."""
    drop_week(pipeline, "Film 2", people=PEOPLE)
    at(pipeline, FIRST + WEEK)
    pipeline.run("week 2")
    summary = queue.run(at(pipeline, DRAWN + WEEK), "scheduled__3", registry=registry)
    draw = read_record(pipeline.services.lake, summary["queue_id"])
    assert draw is not None
    assert not draw.sources.keys() & first.sources.keys()
    drop_answers(pipeline, "week 2.csv", answers_csv(draw, denying))
    assert intake.run(at(pipeline, soon()))["votes"] == 2 * len(draw.asked)
    return draw


def test_people_who_contradict_it_find_it_degraded(
    pipeline: Pipeline, registry: ModelRegistry, first: Draw, second: Draw
) -> None:
    services = at(pipeline, DRAWN + 2 * WEEK)
    outcome = model_evaluation.run(services, registry=registry)
    assert outcome["health"] == "degraded"
    prefix = keys.evaluation(outcome["evaluation_id"])
    document = json.loads(services.lake.get_bytes(f"{prefix}/evaluation.json"))
    assert document["window"]["queues"] == [second.queue_id]
    assert document["before"]["queues"] == [first.queue_id]
    assert document["estimates"]["figures"]["accuracy"]["value"] == 0.0
    page = services.lake.get_bytes(f"{prefix}/index.html").decode()
    assert "is degraded" in page
    assert all(reason in page for reason in document["decision"]["reasons"])

    [start] = model_evaluation.ask_for_retraining(services, outcome)
    assert start["conf"]["reason"] == "degraded"
    assert start["conf"]["evidence"] == f"{prefix}/evaluation.json"
    # The task again after a crash: the same run, and nothing is written twice.
    before = services.lake.get_bytes(f"{prefix}/evaluation.json")
    again = model_evaluation.run(at(pipeline, DRAWN + 2 * WEEK), registry=registry)
    assert again == outcome
    assert model_evaluation.ask_for_retraining(services, again) == [start]
    assert services.lake.get_bytes(f"{prefix}/evaluation.json") == before


def test_an_evaluation_is_tracked_once_counted_and_told(pipeline: Pipeline, second: Draw) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(pipeline.services.settings.model.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name("evaluation")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["fex.health"] for run in runs) == ["degraded", "healthy"]
    [bad] = [run for run in runs if run.data.tags["fex.health"] == "degraded"]
    assert bad.data.metrics["accuracy"] == 0.0
    assert bad.data.metrics["accuracy_high"] > 0.0
    names = {item.path for item in client.list_artifacts(bad.info.run_id)}
    assert names == {"evaluation.json", "index.html"}

    lake = pipeline.services.lake
    day = (DRAWN + 2 * WEEK).date()
    figures = {metric.name: metric.value for metric in read_metrics(lake, day)}
    assert figures["EvaluationHealth"] == 2
    assert figures["EvaluationAccuracy"] == 0.0
    # Every label of a handful of people is wrong: each of them counts once.
    assert 0.3 < figures["EvaluationAccuracyHigh"] < 0.6
    notices = [json.loads(lake.get_bytes(key)) for key in lake.list("watch/notices")]
    [told] = [item for item in notices if item.get("severity") == "critical"]
    assert "is degraded" in told["title"]


def test_enough_labelled_faces_ask_for_a_retraining_once(pipeline: Pipeline, second: Draw) -> None:
    settings = pipeline.services.settings
    labels = settings.labels.model_copy(update={"retrain_after": 5})
    # Days later: the request of the degraded evaluation is out of its cool-down and settled.
    later = at(pipeline, DRAWN + 6 * WEEK)
    services = replace(later, settings=settings.model_copy(update={"labels": labels}))
    patient = settings.labels.model_copy(update={"retrain_after": 10_000})
    waiting = replace(later, settings=settings.model_copy(update={"labels": patient}))
    assert milestones.ask_for_retraining(waiting) == []
    [start] = milestones.ask_for_retraining(services)
    assert start["conf"]["reason"] == "labels"
    assert milestones.ask_for_retraining(services) == [start], "a repeated task: the same run"
    faces_n = json.loads(services.lake.get_bytes(start["conf"]["evidence"]))["faces"]
    assert faces_n == json.loads(services.lake.get_bytes(keys.LABEL_SUMMARY))["faces"]


# --- the same in a bucket -------------------------------------------------------------


@pytest.fixture
def in_a_bucket(
    pipeline: Pipeline, second: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """The published weeks, without any labels, on moto's S3."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="lake")
    root = pipeline.home / "lake"
    for folder in ("published", "extractions", "incoming"):
        for path in (root / folder).rglob("*"):
            if path.is_file() and path.suffix != ".mp4":
                client.upload_file(str(path), "lake", path.relative_to(root).as_posix())
    settings = pipeline.services.settings
    storage = settings.storage.model_copy(
        update={
            "lake_url": "s3://lake",
            "s3_endpoint_url": endpoint,
            "s3_region": "us-east-1",
            "ledger_url": f"sqlite:///{tmp_path}/ledger.sqlite",
        }
    )
    services = build_services(settings.model_copy(update={"storage": storage}))
    services.ledger.clock = lambda: DRAWN
    yield services
    server.stop()


def test_queue_intake_and_evaluation_on_s3(
    in_a_bucket: Services, registry: ModelRegistry, first: Draw
) -> None:
    services, lake = in_a_bucket, in_a_bucket.lake
    summary = queue.run(services, "scheduled__1", registry=registry)
    draw = read_record(lake, summary["queue_id"])
    assert draw == first, "the same window, key and run: the same draw, wherever the lake is"
    tasks = lake.get_bytes(f"{summary['key']}/tasks.json")
    folder = f"s3://lake/{summary['key']}/pictures/"
    assert {task["data"]["image"].startswith(folder) for task in json.loads(tasks)} == {True}

    export = label_studio_export(tasks, draw, agreeing, 7)
    lake.put_bytes("labels/incoming/project-1.json", export)
    lake.put_bytes("labels/incoming/torn.json", export[: len(export) // 2])
    services.ledger.clock = soon
    taken = intake.run(services)
    assert (taken["read"], taken["quarantined"], taken["faces"]) == (1, 1, len(draw.asked))
    assert intake.run(services)["read"] == 0
    assert len(list(lake.list(f"{keys.LABEL_ANNOTATIONS}/images"))) == len(draw.asked)

    services.ledger.clock = lambda: DRAWN + WEEK
    outcome = model_evaluation.run(services, registry=registry)
    assert outcome["health"] == "healthy", outcome["reason"]
    assert lake.exists(f"{keys.evaluation(outcome['evaluation_id'])}/index.html")
