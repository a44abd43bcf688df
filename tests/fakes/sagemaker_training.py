"""Training jobs of the fake SageMaker: a container is a folder, and its program really runs.

moto completes a training job at once. Here a job downloads its channel and its code from
moto's S3, runs the code in a process that sees neither this tree nor the caller's
environment, copies checkpoints to S3, and leaves `model.tar.gz` where the service would.
Spot interruptions kill the process and start it again from its checkpoints.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlsplit

from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import FakeTrainingJob, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

if TYPE_CHECKING:
    from tests.fakes.sagemaker import FakeSageMaker

_ENDED = ("Completed", "Failed", "Stopped")
_POLL_S = 0.05


class TrainingJobs:
    """What the fake does instead of moto."""

    def __init__(self, service: FakeSageMaker) -> None:
        self.service = service
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}
        self.processes: list[int] = []
        """Process ids of every container that was started."""

    def install(self, patches: ExitStack) -> None:
        jobs = self
        create = SageMakerResponse.create_training_job

        def create_training_job(response: SageMakerResponse) -> ActionResult:
            return jobs._create(response, create)

        def describe_training_job(response: SageMakerResponse) -> ActionResult:
            jobs.service.count("DescribeTrainingJob")
            name = response._get_param("TrainingJobName")
            return ActionResult(response.sagemaker_backend.describe_training_job(name))

        def stop_training_job(response: SageMakerResponse) -> ActionResult:
            jobs._stop(response.sagemaker_backend, response._get_param("TrainingJobName"))
            return ActionResult({})

        for function in (create_training_job, describe_training_job, stop_training_job):
            patches.enter_context(
                patch.object(SageMakerResponse, function.__name__, function, create=True)
            )

    def _create(
        self, response: SageMakerResponse, original: Callable[..., ActionResult]
    ) -> ActionResult:
        self.service.count("CreateTrainingJob")
        name = response._get_param("TrainingJobName")
        _validate(response)
        backend: SageMakerModelBackend = response.sagemaker_backend
        with self._lock:
            if name in backend.training_jobs:
                raise ResourceInUseException(
                    "Job name must be unique within an AWS account and region, and a job "
                    f"with this name already exists ({name})"
                )
            answer = original(response)
            job: Any = backend.training_jobs[name]
            job.training_job_status, job.secondary_status = "InProgress", "Starting"
            job.secondary_status_transitions = []
            job.environment = response._get_param("Environment")
            stop = self._stops[name] = threading.Event()
        threading.Thread(target=_Container(self, job, stop), daemon=True).start()
        return answer

    def _stop(self, backend: SageMakerModelBackend, name: str) -> None:
        self.service.count("StopTrainingJob")
        job = backend.training_jobs.get(name)
        if job is None:
            raise ValidationError(message="Requested resource not found.")
        if job.training_job_status in _ENDED:
            raise ValidationError(
                message="The request was rejected because the training job is in status "
                f"{job.training_job_status}."
            )
        job.training_job_status = job.secondary_status = "Stopping"
        self._stops[name].set()


class _Container:
    """One job, in a thread; each attempt in a folder of its own."""

    def __init__(self, jobs: TrainingJobs, job: FakeTrainingJob, stop: threading.Event) -> None:
        self._jobs, self._job, self._stop = jobs, job, stop

    def __call__(self) -> None:
        try:
            self._run()
        except Exception as error:
            self._end("Failed", f"InternalServerError: {type(error).__name__}: {error}")

    def _run(self) -> None:
        interruptions = self._jobs.service.controls.interrupt_training
        while True:
            self._say("Downloading", "Downloading input data")
            folder = Path(tempfile.mkdtemp(prefix="fake-training-"))
            try:
                status, problem = self._attempt(folder, interrupt=interruptions > 0)
                self._upload(folder / "checkpoints", self._job.checkpoint_config["S3Uri"])
                if status == "Completed":
                    self._say("Uploading", "Uploading generated training model")
                    self._store_model(folder / "model")
                if status != "Interrupted":
                    self._end(status, problem)
                    return
                interruptions -= 1
                self._say("Interrupted", "Spot capacity was taken back")
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _attempt(self, folder: Path, *, interrupt: bool) -> tuple[str, str]:
        channel = self._job.input_data_config[0]
        source = channel["DataSource"]["S3DataSource"]["S3Uri"]
        self._download(source, folder / "data")
        self._download(f"{self._job.checkpoint_config['S3Uri']}/", folder / "checkpoints")
        parameters = {key: json.loads(value) for key, value in self._job.hyper_parameters.items()}
        archive = self._jobs.service.read(parameters["sagemaker_submit_directory"])
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            tar.extractall(folder / "code", filter="data")
        self._say("Training", "Training image download completed. Training in progress.")
        process = self._start(folder, parameters["sagemaker_program"])
        while process.poll() is None:
            if self._stop.is_set():
                process.terminate()
                process.wait()
                return "Stopped", ""
            if interrupt and (folder / "checkpoints" / "checkpoint.safetensors").exists():
                process.kill()
                process.wait()
                return "Interrupted", ""
            time.sleep(_POLL_S)
        if process.returncode == 0:
            return "Completed", ""
        failure = folder / "output" / "failure"
        said = failure.read_text() if failure.exists() else (folder / "log").read_text()[-500:]
        return "Failed", f"AlgorithmError: {said}, exit code: {process.returncode}"

    def _start(self, folder: Path, program: str) -> subprocess.Popen[bytes]:
        (folder / "output").mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "SM_CHANNEL_DATA": str(folder / "data"),
            "SM_MODEL_DIR": str(folder / "model"),
            "FEX_CHECKPOINT_DIR": str(folder / "checkpoints"),
            "FEX_FAILURE_FILE": str(folder / "output" / "failure"),
            **(self._job.environment or {}),  # type: ignore[attr-defined]
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, program, "--threads", "1"],
                cwd=folder / "code",
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._jobs.processes.append(process.pid)
        return process

    def _download(self, uri: str, into: Path) -> None:
        into.mkdir(parents=True, exist_ok=True)
        bucket, prefix = _split(uri)
        s3 = self._jobs.service.s3()
        for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
            target = into / item["Key"].removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, item["Key"], str(target))

    def _upload(self, folder: Path, uri: str) -> None:
        bucket, prefix = _split(uri)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file() and not path.name.endswith(".partial"):
                key = f"{prefix}/{path.relative_to(folder).as_posix()}"
                self._jobs.service.s3().upload_file(str(path), bucket, key)

    def _store_model(self, folder: Path) -> None:
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w:gz") as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, arcname=path.name)
        bucket, key = _split(self._job.model_artifacts["S3ModelArtifacts"])
        self._jobs.service.s3().put_object(Bucket=bucket, Key=key, Body=sink.getvalue())

    def _say(self, status: str, message: str) -> None:
        self._job.secondary_status = status
        self._job.secondary_status_transitions.append(
            {"Status": status, "StartTime": self._job.creation_time, "StatusMessage": message}
        )

    def _end(self, status: str, reason: str = "") -> None:
        self._say(status, reason)
        self._job.failure_reason = reason or None  # type: ignore[attr-defined]
        self._job.training_job_status = status


def _validate(response: SageMakerResponse) -> None:
    """Refuse what the service refuses."""
    stopping = response._get_param("StoppingCondition")
    if response._get_param("EnableManagedSpotTraining"):
        if stopping.get("MaxWaitTimeInSeconds", 0) < stopping["MaxRuntimeInSeconds"]:
            raise ValidationError(
                message="MaxWaitTimeInSeconds must be at least MaxRuntimeInSeconds"
            )
        if not response._get_param("CheckpointConfig"):
            raise ValidationError(message="this fake wants checkpoints for spot training")
    elif "MaxWaitTimeInSeconds" in stopping:
        raise ValidationError(message="MaxWaitTimeInSeconds is for spot training only")
    if len(response._get_param("TrainingJobName")) > 63:
        raise ValidationError(message="Value at 'trainingJobName' failed to satisfy constraint")


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
