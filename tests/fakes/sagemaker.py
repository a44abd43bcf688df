"""A SageMaker that computes: moto's, with Batch Transform jobs that really run.

moto completes a transform job at once and writes nothing. Here a job has the
states of the real service, runs the model package on the shards in moto's S3
through AWS's handler service, and writes the `.out` objects where the service
would. Everything else (S3, models, model packages, tags) is moto as it is.

`python -m tests.fakes.sagemaker --port 0` serves it to any number of processes
and prints its URL; `shared_service()` does so from a thread. Faults are
ordered by `PUT /_fake/controls` with the fields of `Controls`, and
`GET /_fake/calls` tells how often each transform operation was called.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import re
import tarfile
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import FakeTransformJob, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from werkzeug.serving import BaseWSGIServer, make_server

from ml.serving.handler import InvocationError, PackedModel
from tests.fakes.sagemaker_training import TrainingJobs

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_MIB = 1 << 20
_ENDED = ("Completed", "Failed", "Stopped")


class ThrottlingError(ServiceException):
    code = "ThrottlingException"


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What the service should do next. Objects are named by the end of their keys."""

    in_progress_s: float = 0.1
    """A job takes at least this long."""
    object_s: float = 0.0
    """Each object takes at least this long."""
    stopping_s: float = 0.0
    """A stopped job stays Stopping at least this long."""
    throttle_every: int = 0
    """Every n-th transform call is throttled; 0: none."""
    fail: tuple[str, ...] = ()
    """Objects that the model answers with an error."""
    crash: tuple[str, ...] = ()
    """Objects at which the instance is lost, and with it the rest of the job."""
    interrupt_training: int = 0
    """So many times a training job loses its spot capacity, after its first checkpoint."""


class FakeSageMaker:
    """The service on a port of this machine."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._server: BaseWSGIServer | None = None
        self._patches = ExitStack()
        self._models: dict[str, PackedModel] = {}
        self._models_lock = threading.Lock()
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._stops: dict[str, threading.Event] = {}
        self.controls = Controls()
        self.training = TrainingJobs(self)

    @property
    def url(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def calls(self) -> dict[str, int]:
        """How often each operation of jobs was asked for, throttled ones included."""
        with self._lock:
            return dict(self._calls)

    def control(self, **changes: Any) -> None:
        """Replace some controls."""
        self.controls = dataclasses.replace(self.controls, **changes)

    def start(self) -> FakeSageMaker:
        for name in ("create_transform_job", "describe_transform_job", "create_model"):
            original = getattr(SageMakerModelBackend, name)
            replacement = self._bind(getattr(self, f"_{name}"), original)
            self._patches.enter_context(patch.object(SageMakerModelBackend, name, replacement))
        service = self

        def stop_transform_job(response: SageMakerResponse) -> ActionResult:
            name = response._get_param("TransformJobName")
            service._stop_transform_job(response.sagemaker_backend, name)
            return ActionResult({})

        self._patches.enter_context(
            patch.object(SageMakerResponse, "stop_transform_job", stop_transform_job, create=True)
        )
        self.training.install(self._patches)
        self._server = make_server(
            "127.0.0.1",
            self._port,
            _ControlApp(self, DomainDispatcherApplication(create_backend_app)),
            threaded=True,
            request_handler=MotoRequestHandler,
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()
        self._patches.close()

    @staticmethod
    def _bind(replacement: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
        def method(backend: SageMakerModelBackend, **arguments: Any) -> Any:
            return replacement(backend, original, **arguments)

        return method

    # --- operations ---

    def count(self, operation: str) -> None:
        with self._lock:
            self._calls[operation] += 1
            every = self.controls.throttle_every
            throttled = every and sum(self._calls.values()) % every == 0
        if throttled:
            raise ThrottlingError("Rate exceeded")

    def _create_model(
        self, backend: SageMakerModelBackend, original: Callable[..., Any], **arguments: Any
    ) -> Any:
        name = arguments["model_name"]
        if name in backend._models:
            raise ValidationError(f'Cannot create already existing model "{name}".')
        return original(backend, **arguments)

    def _create_transform_job(
        self, backend: SageMakerModelBackend, original: Callable[..., Any], **arguments: Any
    ) -> FakeTransformJob:
        self.count("CreateTransformJob")
        name = arguments["transform_job_name"]
        _validate(arguments)
        backend.describe_model(arguments["model_name"])  # raises when there is none
        with self._lock:
            if name in backend.transform_jobs:
                raise ResourceInUseException(
                    "Job name must be unique within an AWS account and region, and a job "
                    f"with this name already exists ({name})"
                )
            job: FakeTransformJob = original(backend, **arguments)
            job.transform_job_status = "InProgress"
            job.transform_end_time = None
            stop = self._stops[name] = threading.Event()
        container = backend.describe_model(arguments["model_name"]).primary_container
        run = _Run(self, job, container["ModelDataUrl"], stop)
        threading.Thread(target=run, daemon=True).start()
        return job

    def _describe_transform_job(
        self, backend: SageMakerModelBackend, original: Callable[..., Any], **arguments: Any
    ) -> dict[str, Any]:
        self.count("DescribeTransformJob")
        found: dict[str, Any] = original(backend, **arguments)
        return found

    def _stop_transform_job(self, backend: SageMakerModelBackend, name: str) -> None:
        self.count("StopTransformJob")
        job = backend.transform_jobs.get(name)
        if job is None:
            raise ValidationError(f"Could not find requested job with name: {name}")
        with self._lock:
            if job.transform_job_status in _ENDED:
                raise ValidationError(
                    "The request was rejected because the transform job is in status "
                    f"{job.transform_job_status}."
                )
            job.transform_job_status = "Stopping"
        self._stops[name].set()

    # --- what a job needs ---

    def s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="fake",
            aws_secret_access_key="fake",
            config=Config(s3={"addressing_style": "path"}),
        )

    def model(self, data_url: str) -> PackedModel:
        """Load a package once, however many jobs use it."""
        content = self.read(data_url)
        digest = hashlib.sha256(content).hexdigest()
        with self._models_lock:
            if digest not in self._models:
                folder = Path(tempfile.mkdtemp(prefix="fake-container-"))
                with tarfile.open(fileobj=BytesIO(content), mode="r:gz") as tar:
                    tar.extractall(folder, filter="data")
                self._models[digest] = PackedModel.open(folder)
            return self._models[digest]

    def read(self, uri: str) -> bytes:
        bucket, key = _split(uri)
        content: bytes = self.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


@cache
def shared_service() -> FakeSageMaker:
    """The one service of this process: moto's backends, and what is patched there, are global."""
    # Parsing the service models is most of what a client costs, and every test makes some.
    patch("botocore.session.create_loader", cache(create_loader)).start()
    return FakeSageMaker().start()


class _Run:
    """One job, in a thread."""

    def __init__(
        self, service: FakeSageMaker, job: FakeTransformJob, data_url: str, stop: threading.Event
    ) -> None:
        self._service = service
        self._job = job
        self._data_url = data_url
        self._stop = stop

    def __call__(self) -> None:
        started = time.monotonic()
        failure = ""
        try:
            failure = self._work()
        except ClientError as error:
            failure = f"ClientError: {error}"
        except Exception as error:
            failure = f"InternalServerError: {type(error).__name__}: {error}"
        controls = self._service.controls
        self._stop.wait(max(0.0, started + controls.in_progress_s - time.monotonic()))
        if self._stop.is_set():
            time.sleep(controls.stopping_s)
            self._end("Stopped")
        else:
            self._end("Failed" if failure else "Completed", failure)

    def _work(self) -> str:
        """Answer the objects of the manifest; return what failed."""
        source = self._job.transform_input["DataSource"]["S3DataSource"]["S3Uri"]
        prefix, names = _parse_manifest(self._service.read(source))
        model = self._service.model(self._data_url)
        failed = []
        for name in names:
            if self._stop.wait(self._service.controls.object_s):
                return ""
            if name.endswith(self._service.controls.crash or ("\0",)):
                return "InternalServerError: We encountered an internal error. Please try again."
            if not self._answer(model, prefix, name):
                failed.append(name)
        return f"AlgorithmError: See job logs for more information ({failed})" if failed else ""

    def _answer(self, model: PackedModel, prefix: str, name: str) -> bool:
        body = self._service.read(prefix + name)
        if len(body) > self._job.max_payload_in_mb * _MIB:
            return False
        if name.endswith(self._service.controls.fail or ("\0",)):
            return False
        try:
            answer, _ = model.invoke(body, self._job.transform_input["ContentType"])
        except InvocationError:
            return False
        if self._stop.is_set():  # stopping stores nothing more
            return True
        bucket, folder = _split(self._job.transform_output["S3OutputPath"])
        # The folder of the input is repeated under the output prefix.
        key = (
            f"{folder.rstrip('/')}/{PurePosixPath(name).parent.name}/{PurePosixPath(name).name}.out"
        )
        self._service.s3().put_object(Bucket=bucket, Key=key, Body=answer)
        return True

    def _end(self, status: str, reason: str = "") -> None:
        self._job.failure_reason = reason
        self._job.transform_job_status = status


class _ControlApp:
    """WSGI: `/_fake/...` here, everything else to moto."""

    def __init__(self, service: FakeSageMaker, moto: Callable[..., Iterable[bytes]]) -> None:
        self._service = service
        self._moto = moto

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/_fake/"):
            return self._moto(environ, start_response)
        if environ["PATH_INFO"] == "/_fake/controls" and environ["REQUEST_METHOD"] == "PUT":
            length = int(environ.get("CONTENT_LENGTH") or 0)
            changes = json.loads(environ["wsgi.input"].read(length))
            self._service.control(
                **{name: tuple(v) if isinstance(v, list) else v for name, v in changes.items()}
            )
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(self._service.calls).encode()]


def _validate(arguments: dict[str, Any]) -> None:
    """Refuse what the service refuses, and what this platform must never ask for."""
    if not _NAME.fullmatch(arguments["transform_job_name"]):
        raise ValidationError("Value at 'transformJobName' failed to satisfy the constraint")
    if arguments["max_concurrent_transforms"] * arguments["max_payload_in_mb"] > 100:
        raise ValidationError("MaxConcurrentTransforms * MaxPayloadInMB must not exceed 100 MB")
    source = arguments["transform_input"]["DataSource"]["S3DataSource"]
    if source["S3DataType"] != "ManifestFile":
        raise ValidationError("this fake wants S3DataType ManifestFile: a prefix is never meant")
    if arguments["transform_input"].get("SplitType", "None") != "None":
        raise ValidationError("this fake wants SplitType None: a tar is one record")
    for uri in (source["S3Uri"], arguments["transform_output"]["S3OutputPath"]):
        if urlsplit(uri).scheme != "s3":
            raise ValidationError(f"{uri} is no S3 URI")


def _parse_manifest(content: bytes) -> tuple[str, list[str]]:
    """Return the prefix and the relative names of a `ManifestFile`."""
    head, *names = json.loads(content)
    if not head["prefix"].startswith("s3://") or not names:
        raise ValueError("the manifest needs a prefix and at least one name")
    if not all(isinstance(name, str) for name in names):
        raise ValueError("the manifest's names must be strings")
    return head["prefix"], names


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    service = FakeSageMaker(parser.parse_args().port).start()
    print(service.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
