"""The loop on the AWS path: S3, SageMaker's registry and jobs, CloudWatch, SNS.

One week of recordings is published by a Batch Transform job, and everything that follows a
week runs on it: another model, labels and their evaluation, the bias audit, the drift
monitor, and a respondent who is erased. moto serves S3, the registry, CloudWatch and SNS;
jobs run for real in the fake SageMaker.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from include.composition import Services, build_registry, build_services
from include.contracts.labels import EXPRESSIONS
from include.governance.bias.gate import blocking_audit
from include.inference.sagemaker import SageMakerBackend
from include.lake import keys
from include.ledger.ledger import JobStatus, State
from include.ledger.reanalysis_tables import ReanalysisState
from include.pipeline import (
    collect,
    intake,
    model_evaluation,
    open_batch,
    probe,
    publish,
    settle,
    transform,
    validate,
)
from include.pipeline.bias_audit import stage as bias_audit
from include.pipeline.current import current
from include.pipeline.drift import stage as drift
from include.pipeline.erasure import stage as erasure
from include.pipeline.labelling import intake as label_intake
from include.pipeline.labelling import queue
from include.pipeline.labelling.records import read_draws
from include.pipeline.model_retraining import audit as challenger_audit
from include.pipeline.reprocess import begin, put_in_front, report, republish
from include.pipeline.run_batch import extract_groups
from include.settings import (
    BiasAuditSettings,
    DiscoverySettings,
    EvaluationSettings,
    LabelSettings,
    ModelSettings,
    Settings,
    StorageSettings,
    TransformSettings,
    WatchSettings,
)
from ml.registry.champion import register_packaged_champion
from ml.registry.protocol import Document
from tests.fakes.retraining import write_opened, write_packaged
from tests.fakes.sagemaker import shared_service
from tests.fakes.tiny_package import build_tiny_package
from tests.integration.loop_lake import answers_csv
from tests.integration.test_bias_audit import make_set
from tests.media.make_media import encode, face_pictures

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

STUDY, PEOPLE = "Spot ä", 3
REGION = "eu-central-1"
AUDITED = 4
"""Faces of each of two groups."""


@dataclass(frozen=True)
class Cloud:
    """The platform on AWS, after its first week."""

    services: Services
    bucket: str

    def drop(self, key: str, content: bytes) -> None:
        boto3.client("s3").put_object(Bucket=self.bucket, Key=f"lake/{key}", Body=content)

    def later(self, **ahead: float) -> Services:
        """The same platform at a later time."""
        now = datetime.now(UTC) + timedelta(**ahead)
        self.services.ledger.clock = lambda: now
        return self.services


def _settings(home: Path, bucket: str, topic: str) -> Settings:
    return Settings(
        storage=StorageSettings(
            lake_url=f"s3://{bucket}/lake",
            s3_endpoint_url=shared_service().url,
            s3_region=REGION,
            ledger_url=f"sqlite:///{home}/ledger.sqlite",
            scratch_dir=home / "scratch",
        ),
        discovery=DiscoverySettings(stable_for_s=0.0),
        transform=TransformSettings(
            backend="sagemaker",
            poll_interval_s=0.2,
            jobs_dir=home / "jobs",
            role_arn="arn:aws:iam::123456789012:role/transform",
            image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/torch:2",
        ),
        model=ModelSettings(
            registry="sagemaker",
            name=bucket,
            mlflow_tracking_uri=f"sqlite:///{home}/mlflow.sqlite",
            mlflow_artifact_uri=(home / "mlflow-artifacts").as_uri(),
        ),
        watch=WatchSettings(
            figures="cloudwatch", notices=("sns",), sns_topic_arn=topic, namespace=bucket
        ),
        labels=LabelSettings(pseudonym_key=SecretStr("a secret of the tests")),
        evaluation=EvaluationSettings(min_judged=4, min_respondents=2),
        audit=BiasAuditSettings(
            fixed_set=make_set(home / "set.zip", each=AUDITED),
            minimum_people=AUDITED,
            resamples=200,
        ),
    )


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home, bucket = tmp_path_factory.mktemp("aws"), f"loop-{time.time_ns()}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": shared_service().url,
        }.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        topic = boto3.client("sns").create_topic(Name=bucket)["TopicArn"]
        made = Cloud(build_services(_settings(home, bucket, topic)), bucket)
        register_packaged_champion(build_registry(made.services.settings), name=bucket)
        _first_week(made, home)
        yield made


def _first_week(cloud: Cloud, home: Path) -> None:
    lines = ["recording,respondent,gender"]
    for seed in range(PEOPLE):
        pictures = face_pictures(20, (320, 240), seed=seed)
        video = encode(home / f"{seed}.mp4", pictures, rate=10)
        cloud.drop(f"incoming/{STUDY}/r{seed}.mp4", video.read_bytes())
        lines.append(f"r{seed}.mp4,P{seed},{'fm'[seed % 2]}")
    cloud.drop(f"incoming/{STUDY}/respondents.csv", "\n".join(lines).encode())
    services = cloud.services
    (entry,) = intake.run(services, "week 1")
    batch_id = str(entry["trigger_run_id"])
    open_batch.run(services, batch_id)
    extract_groups(services, batch_id, probe.run(services, batch_id))
    validate.run(services, batch_id)
    transform.run(services, batch_id, _jobs(services))
    for stage in (collect, publish, settle):
        stage.run(services, batch_id)
    assert services.ledger.counts()[State.PUBLISHED] == PEOPLE


def _jobs(services: Services) -> SageMakerBackend:
    return SageMakerBackend(
        client=boto3.client("sagemaker"),
        settings=services.settings.transform,
        lake=services.lake,
        storage=services.settings.storage,
        signers=services.settings.model.signers,
    )


def _metrics(namespace: str) -> set[str]:
    pages = boto3.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace=namespace)
    return {metric["MetricName"] for page in pages for metric in page["Metrics"]}


def test_a_study_is_analysed_again_by_a_challenger(cloud: Cloud, tmp_path: Path) -> None:
    services = cloud.services
    package = tmp_path / "tiny.tar.gz"
    build_tiny_package(package, abstain_threshold=0.2, temperature=1.0, metrics={})
    registry, name = build_registry(services.settings), services.settings.model.name
    version = registry.register(name, package)
    registry.set_alias(name, "challenger", version.version)

    batch_id = begin.run(services, "r1", study=STUDY)
    transform.run(services, batch_id, _jobs(services))
    for stage in (republish, put_in_front, report):
        stage.run(services, "r1")

    entries = services.ledger.reanalyses.of_batch(batch_id)
    assert {item.state for item in entries} == {ReanalysisState.PUBLISHED}
    (job,) = services.ledger.jobs(batch_id)
    described = boto3.client("sagemaker").describe_transform_job(TransformJobName=job.name)
    assert (job.status, described["TransformJobStatus"]) == (JobStatus.COMPLETED, "Completed")
    front = current(services.lake, STUDY, "r0.mp4")
    assert front is not None
    assert front.prefix == entries[0].before_key, "a pending version is beside, never in front"
    changed = json.loads(services.lake.get_bytes(keys.reprocess("r1", report.DOCUMENT)))
    assert len(changed["recordings"]) == PEOPLE


def test_a_draw_its_answers_and_one_whole_evaluation(cloud: Cloud) -> None:
    services = cloud.later(hours=1)
    drawn = queue.run(services, "draw")
    (draw,) = read_draws(services.lake)
    assert drawn["asked"] == drawn["pictures"] == len(draw.selected) > 0
    tasks = json.loads(services.lake.get_bytes(f"{drawn['key']}/tasks.json"))
    assert tasks[0]["data"]["image"].startswith(f"s3://{cloud.bucket}/lake/labels/queues/")
    answers = answers_csv(draw, lambda number, _: EXPRESSIONS[number % 7])
    cloud.drop("labels/incoming/answers.csv", answers)
    found = label_intake.run(services)
    assert (found["read"], found["votes"]) == (1, 2 * len(draw.selected))
    evaluated = model_evaluation.run(services)
    assert evaluated["health"] in ("watch", "degraded")
    document = json.loads(services.lake.get_bytes(str(evaluated["key"])))
    assert document["model"]["version"] == "1"
    assert document["estimates"]["judged_n"] > 0
    assert {"EvaluationAccuracy", "LabelledFaces"} <= _metrics(cloud.bucket)
    assert services.lake.exists(f"{keys.notice('label-queue/' + draw.queue_id)}/delivered.json")


def test_the_audit_is_kept_in_s3_and_beside_the_version(cloud: Cloud) -> None:
    services = cloud.later(hours=2)
    done = bias_audit.run(services, at=services.ledger.clock().isoformat())
    assert services.lake.exists(done.report)
    registry = build_registry(services.settings)
    champion = registry.get(services.settings.model.name, "1")
    document = registry.document(champion, Document.BIAS)
    assert document is not None
    assert document["audit"]["sha256"] == done.audit_sha256
    assert (blocking_audit(services, champion.sha256) is None) == (done.verdict != "red")
    record = json.loads(services.lake.get_bytes(done.record))
    (fixed,) = [part for part in record["sections"] if part["name"] == "fixed_set"]
    assert fixed["audit_set"]["people"] == 2 * AUDITED
    again = bias_audit.run(services, at=services.ledger.clock().isoformat())
    assert again.audit_sha256 == done.audit_sha256


def test_a_challenger_in_s3_is_audited_before_it_is_registered(
    cloud: Cloud, tmp_path: Path
) -> None:
    services, request_id = cloud.later(hours=3), "0123456789abcdef"
    package = tmp_path / "tiny.tar.gz"
    sha256 = build_tiny_package(package, abstain_threshold=0.0, temperature=1.0, metrics={})
    services.lake.put_file(keys.retraining_package(request_id), package)
    registry = build_registry(services.settings)
    champion = registry.get(services.settings.model.name, "1")
    name = services.settings.model.name
    write_opened(services, request_id, name=name, version="1", sha256=champion.sha256, run_id="r")
    write_packaged(services, request_id, sha256)
    found = challenger_audit.run(services, request_id)
    assert found["verdict"] in ("green", "amber", "red")
    assert (blocking_audit(services, sha256) is None) == (found["verdict"] != "red")
    assert services.lake.exists(keys.audit_page(str(found["audit_sha256"])))


def test_a_day_is_judged_and_its_figures_are_sent(cloud: Cloud) -> None:
    services = cloud.later(days=1)
    yesterday = (services.ledger.clock() - timedelta(days=1)).date()
    judged = drift.judge(services, yesterday.isoformat())
    drift.tell(services, yesterday.isoformat())
    assert services.lake.exists(keys.drift_figures(yesterday)), judged
    assert any(name.startswith("Drift") for name in _metrics(cloud.bucket))


def test_a_respondent_is_erased_from_s3(cloud: Cloud) -> None:
    services = cloud.later(days=2)
    (row,) = services.ledger.erasure.uploads(STUDY, {"r0.mp4"})
    asked = {"study": STUDY, "respondent": "P0", "asked_by": "Ada"}
    done = erasure.run(services, "e", **asked)
    assert done.erased["originals"] == 1
    client = boto3.client("s3")
    for one in done.left:
        assert one.place.endswith("labels/incoming/answers.csv"), "people's own file"
        client.delete_object(Bucket=cloud.bucket, Key="lake/labels/incoming/answers.csv")
    done = erasure.run(services, "e", **asked)
    assert done.done, done.left
    left: list[Any] = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=cloud.bucket):
        for found in page["Contents"]:
            key = found["Key"].removeprefix("lake/")
            body = client.get_object(Bucket=cloud.bucket, Key=found["Key"])["Body"].read()
            if any(token and token.encode() in key.encode() + body for token in _tokens(row)):
                left.append(key)
    assert left == []
    assert current(services.lake, STUDY, "r1.mp4") is not None


def _tokens(row: Any) -> tuple[str | None, ...]:
    return row.extraction_id, row.video_id, row.analysis_id
