"""The whole analysis DAG on the AWS path: S3, SageMaker's registry, Batch Transform.

moto serves S3 and the registry; transform jobs run for real in the fake
SageMaker, with job states, a throttled call in three and an object that fails
its first job.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pandas as pd
import pytest

from include.composition import build_registry, build_services
from include.ledger.ledger import JobStatus, State
from include.pipeline import extract, intake, open_batch, probe, validate
from include.settings import load_settings
from ml.registry.champion import register_packaged_champion
from tests.media.make_media import encode, face_pictures, good_video, text_renamed

ROOT = Path(__file__).parents[2]
BUCKET = "respondents"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The service's URL, with every setting of the AWS path in the environment."""
    # A process of its own: moto keeps its state for as long as its process lives.
    service = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.sagemaker"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert service.stdout
    url = service.stdout.readline().strip()
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": url,
        "FEX_STORAGE__LAKE_URL": f"s3://{BUCKET}/lake",
        "FEX_STORAGE__S3_ENDPOINT_URL": url,
        "FEX_STORAGE__LEDGER_URL": f"sqlite:///{tmp_path}/ledger.sqlite",
        "FEX_STORAGE__SCRATCH_DIR": str(tmp_path / "scratch"),
        "FEX_DISCOVERY__STABLE_FOR_S": "0",
        "FEX_MODEL__REGISTRY": "sagemaker",
        "FEX_TRANSFORM__BACKEND": "sagemaker",
        "FEX_TRANSFORM__DEFERRABLE": "true",
        "FEX_TRANSFORM__POLL_INTERVAL_S": "0.5",
        "FEX_TRANSFORM__JOBS_DIR": str(tmp_path / "jobs"),
        "FEX_TRANSFORM__ROLE_ARN": "arn:aws:iam::123456789012:role/transform",
        "FEX_TRANSFORM__IMAGE_URI": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/torch:2",
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    yield url
    service.terminate()
    service.wait()
    service.stdout.close()


def test_a_batch_on_s3_and_sagemaker(aws: str, tmp_path: Path) -> None:
    s3 = boto3.client("s3")
    other = encode(tmp_path / "other.mp4", face_pictures(30, (320, 240), seed=3), rate=10)
    for name, path in {
        "plain.mp4": good_video(tmp_path / "plain.mp4"),
        "a name with spaces.mp4": other,
        "../escape.mp4": other,
        "text.mp4": text_renamed(tmp_path / "text.mp4"),
    }.items():
        s3.upload_file(str(path), BUCKET, f"lake/incoming/spot/{name}")
    settings = load_settings()
    services = build_services(settings)
    champion = register_packaged_champion(
        build_registry(settings), name=settings.model.name, alias=settings.model.alias
    )
    assert champion.package_uri.startswith(f"s3://{BUCKET}/")
    [entry] = intake.run(services, "run")
    batch_id = str(entry["trigger_run_id"])
    _control(aws, throttle_every=3, in_progress_s=2.0)

    ended = _run_dag(batch_id)

    ledger = services.ledger
    ends = {item.recording: item.state for item in ledger.recordings(batch_id)}
    assert ended["run"] == "success", (ended, ends)
    assert ends["plain.mp4"] is State.PUBLISHED
    assert ends["a name with spaces.mp4"] is State.PUBLISHED
    assert ends["text.mp4"] is State.QUARANTINED
    jobs = ledger.jobs(batch_id)
    assert [job.status for job in jobs] == [JobStatus.COMPLETED]
    described = boto3.client("sagemaker").describe_transform_job(TransformJobName=jobs[0].name)
    assert described["TransformJobStatus"] == "Completed"
    assert described["TransformInput"]["ContentType"] == "application/x-tar"
    assert described["TransformResources"]["InstanceType"] == "ml.m5.large"
    for recording in ledger.recordings(batch_id):
        if recording.state is State.PUBLISHED:
            data = services.lake.get_bytes(f"{recording.result_key}/predictions.parquet")
            rows = pd.read_parquet(io.BytesIO(data))
            assert len(rows) > 0
            assert services.lake.exists(f"{recording.result_key}/manifest.json")


def test_only_what_failed_is_asked_for_again(aws: str, tmp_path: Path) -> None:
    s3 = boto3.client("s3")
    for seed in range(3):
        path = encode(tmp_path / f"{seed}.mp4", face_pictures(20, (320, 240), seed=seed), rate=10)
        s3.upload_file(str(path), BUCKET, f"lake/incoming/spot/{seed}.mp4")
    settings = load_settings()
    services = build_services(settings)
    register_packaged_champion(
        build_registry(settings), name=settings.model.name, alias=settings.model.alias
    )
    [entry] = intake.run(services, "run")
    batch_id = str(entry["trigger_run_id"])
    open_batch.run(services, batch_id)
    for group in probe.run(services, batch_id):
        extract.run(services, batch_id, group)
    validate.run(services, batch_id)
    broken = services.ledger.recordings(batch_id)[0]
    _control(aws, fail=[f"{broken.extraction_id}-00000.tar"])

    ended = _run_dag(batch_id)

    ledger = services.ledger
    assert ended["run"] == "failed", "a recording that did not finish is visible"
    ends = {item.id: item.state for item in ledger.recordings(batch_id)}
    assert ends.pop(broken.id) is State.DISCOVERED, "it waits for another batch"
    assert set(ends.values()) == {State.PUBLISHED}
    jobs = ledger.jobs(batch_id)
    assert len(jobs) == settings.transform.max_generations
    assert len(jobs[0].shards) == 3
    assert {tuple(job.shards) for job in jobs[1:]} == {(f"{broken.extraction_id}-00000.tar",)}


def _run_dag(batch_id: str) -> dict[str, object]:
    migrated = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert migrated.returncode == 0, migrated.stderr[-2000:]
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.analysis_dag_on_aws", batch_id],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def _control(url: str, **changes: object) -> None:
    request = urllib.request.Request(
        f"{url}/_fake/controls", data=json.dumps(changes).encode(), method="PUT"
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
