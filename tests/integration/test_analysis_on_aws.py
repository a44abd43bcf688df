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
from dataclasses import dataclass
from pathlib import Path

import boto3
import pandas as pd
import pytest

from include.composition import Services, build_registry, build_services
from include.ledger.ledger import JobStatus, Recording, State
from include.pipeline import extract, intake, open_batch, probe, validate
from include.settings import load_settings
from ml.registry.champion import register_packaged_champion
from tests.media.make_media import encode, face_pictures, good_video, text_renamed

ROOT = Path(__file__).parents[2]
BUCKET = "respondents"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service's URL, with every setting of the AWS path in the environment."""
    tmp_path = tmp_path_factory.mktemp("aws")
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
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield url
    service.terminate()
    service.wait()
    service.stdout.close()


@dataclass(frozen=True)
class Ended:
    """Both batches after their runs."""

    services: Services
    plain: str
    plain_run: dict[str, object]
    broken: Recording
    failing: str
    failing_run: dict[str, object]


@pytest.fixture(scope="module")
def ended(aws: str, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A batch that nothing is done for yet, and one of whose shards one fails its first job.

    Both runs are in one process: importing Airflow and making its database costs more than they.
    """
    folder = tmp_path_factory.mktemp("recordings")
    settings = load_settings()
    services = build_services(settings)
    champion = register_packaged_champion(
        build_registry(settings), name=settings.model.name, alias=settings.model.alias
    )
    assert champion.package_uri.startswith(f"s3://{BUCKET}/")

    other = encode(folder / "other.mp4", face_pictures(30, (320, 240), seed=3), rate=10)
    plain = _intake(
        services,
        "spot",
        {
            "plain.mp4": good_video(folder / "plain.mp4"),
            "a name with spaces.mp4": other,
            "../escape.mp4": other,
            "text.mp4": text_renamed(folder / "text.mp4"),
        },
    )
    failing = _intake(
        services,
        "failing",
        {
            f"{seed}.mp4": encode(
                folder / f"{seed}.mp4", face_pictures(20, (320, 240), seed=seed), rate=10
            )
            for seed in range(10, 13)
        },
    )
    open_batch.run(services, failing)
    for group in probe.run(services, failing):
        extract.run(services, failing, group)
    validate.run(services, failing)
    broken = services.ledger.recordings(failing)[0]
    _control(aws, throttle_every=3, in_progress_s=2.0, fail=[f"{broken.extraction_id}-00000.tar"])
    runs = _run_dag(plain, failing)
    return Ended(services, plain, runs[plain], broken, failing, runs[failing])


def _intake(services: Services, study: str, recordings: dict[str, Path]) -> str:
    s3 = boto3.client("s3")
    for name, path in recordings.items():
        s3.upload_file(str(path), BUCKET, f"lake/incoming/{study}/{name}")
    [entry] = intake.run(services, study)
    return str(entry["trigger_run_id"])


def test_a_batch_on_s3_and_sagemaker(ended: Ended) -> None:
    services, ledger = ended.services, ended.services.ledger
    ends = {item.recording: item.state for item in ledger.recordings(ended.plain)}
    assert ended.plain_run["run"] == "success", (ended.plain_run, ends)
    assert ends["plain.mp4"] is State.PUBLISHED
    assert ends["a name with spaces.mp4"] is State.PUBLISHED
    assert ends["text.mp4"] is State.QUARANTINED
    jobs = ledger.jobs(ended.plain)
    assert [job.status for job in jobs] == [JobStatus.COMPLETED]
    described = boto3.client("sagemaker").describe_transform_job(TransformJobName=jobs[0].name)
    assert described["TransformJobStatus"] == "Completed"
    assert described["TransformInput"]["ContentType"] == "application/x-tar"
    assert described["TransformResources"]["InstanceType"] == "ml.m5.large"
    for recording in ledger.recordings(ended.plain):
        if recording.state is State.PUBLISHED:
            data = services.lake.get_bytes(f"{recording.result_key}/predictions.parquet")
            rows = pd.read_parquet(io.BytesIO(data))
            assert len(rows) > 0
            assert services.lake.exists(f"{recording.result_key}/manifest.json")


def test_only_what_failed_is_asked_for_again(ended: Ended) -> None:
    ledger = ended.services.ledger
    assert ended.failing_run["run"] == "failed", "a recording that did not finish is visible"
    ends = {item.id: item.state for item in ledger.recordings(ended.failing)}
    assert ends.pop(ended.broken.id) is State.DISCOVERED, "it waits for another batch"
    assert set(ends.values()) == {State.PUBLISHED}
    jobs = ledger.jobs(ended.failing)
    assert len(jobs) == ended.services.settings.transform.max_generations
    assert len(jobs[0].shards) == 3
    failed = f"{ended.broken.extraction_id}-00000.tar"
    assert {tuple(job.shards) for job in jobs[1:]} == {(failed,)}


def _run_dag(*batches: str) -> dict[str, dict[str, object]]:
    migrated = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert migrated.returncode == 0, migrated.stderr[-2000:]
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.analysis_dag_on_aws", *batches],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return result


def _control(url: str, **changes: object) -> None:
    request = urllib.request.Request(
        f"{url}/_fake/controls", data=json.dumps(changes).encode(), method="PUT"
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
