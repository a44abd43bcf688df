"""The SageMaker backend: a job is a Batch Transform job.

Calls and their limits follow the SageMaker API reference (CreateTransformJob,
TransformS3DataSource, TransformOutput); the client is injected, so that Airflow's
connection or plain boto3 decides whose account it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from include.aws_errors import SettingNames, aws_errors, is_name_taken, is_not_found
from include.contracts.errors import ConfigurationError
from include.contracts.identity import stable_hash
from include.contracts.quiet import ONNX_RUNTIME
from include.inference.backend import (
    ACCEPT,
    CONTENT_TYPE,
    TransformDescription,
    find_outputs,
)
from include.inference.package import require_signed
from include.inference.spec import TransformSpec
from include.jobs.sagemaker import SPEC_HASH, SageMakerJobs, role_and_image, spec_hash_of
from include.jobs.state import JobStatus
from include.lake import keys
from include.settings import StorageSettings, TransformSettings

if TYPE_CHECKING:
    from include.lake.store import Lake

SETTINGS = SettingNames(
    default="FEX_TRANSFORM__BACKEND",
    access="FEX_TRANSFORM__AWS_CONN_ID",
    by_word={
        "role": "FEX_TRANSFORM__ROLE_ARN",
        "image": "FEX_TRANSFORM__IMAGE_URI",
        "instancetype": "FEX_TRANSFORM__INSTANCE_TYPE",
        "instance type": "FEX_TRANSFORM__INSTANCE_TYPE",
        "instancecount": "FEX_TRANSFORM__INSTANCE_COUNT",
        "maxpayloadinmb": "FEX_TRANSFORM__MAX_PAYLOAD_MB",
        "maxconcurrenttransforms": "FEX_TRANSFORM__MAX_CONCURRENT_TRANSFORMS",
        "modeldataurl": "FEX_MODEL__MLFLOW_ARTIFACT_URI",
        "s3": "FEX_STORAGE__LAKE_URL",
    },
)
"""What a person changes where AWS refuses a transform job."""

_PAYLOADS_IN_FLIGHT_MAX_MB = 100
_REQUEST_TIMEOUT_S = 600
_REQUEST_RETRIES = 1
_MIB = 1 << 20


class SageMakerBackend:
    """Runs transform jobs on SageMaker, under the contract of `InferenceBackend`.

    Args:
        client: A boto3 SageMaker client.
        settings: Instances, limits, role and image.
        lake: On `s3://`; the manifest of each job is written there.
        storage: How the package's signature is read.
        signers: Who may stand for a package; none: nobody is asked for.

    Raises:
        ConfigurationError: A setting is missing, or outside what Batch Transform accepts.
    """

    def __init__(
        self,
        *,
        client: Any,
        settings: TransformSettings,
        lake: Lake,
        storage: StorageSettings,
        signers: tuple[str, ...],
    ) -> None:
        self._client = client
        self._jobs = SageMakerJobs(client, "Transform", SETTINGS)
        self._lake = lake
        self._storage, self._signers = storage, signers
        self._role_arn, self._image_uri = _check(settings, lake)

    def create(self, spec: TransformSpec) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before.
            TransientError: Throttling, a quota in use, a lost connection, a fault of AWS.
            ConfigurationError: AWS refuses the request; a setting is named.
        """
        manifest = [{"prefix": f"{spec.lake_uri}/"}, *spec.shard_keys]
        manifest_key = keys.transform_input(spec.name)
        self._lake.put_bytes(manifest_key, json.dumps(manifest).encode())
        model = self._create_model(spec)
        self._jobs.create(spec.name, _request(spec, model, self._lake.uri(manifest_key)))

    def describe(self, name: str) -> TransformDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
            TransientError: As for `create`.
            ConfigurationError: The credentials do not allow it.
        """
        return description_of(self._jobs.describe(name))

    def stop(self, name: str) -> None:
        """Ask a job to end early; without effect on one that has ended.

        Raises:
            JobNotFoundError: No job of this name was ever created.
            TransientError: As for `create`.
            ConfigurationError: The credentials do not allow it.
        """
        self._jobs.stop(name)

    def list_outputs(self, spec: TransformSpec) -> Mapping[str, str]:
        """Return the lake key of each answer by the basename of its shard."""
        return find_outputs(self._lake, spec)

    def _create_model(self, spec: TransformSpec) -> str:
        """Make the SageMaker model of the package, or adopt it; return its name.

        The name says all of what the model is, so one that exists is the same.
        """
        if not spec.model_package_uri.startswith("s3://"):
            raise ConfigurationError(
                "FEX_MODEL__MLFLOW_ARTIFACT_URI",
                f"SageMaker cannot read {spec.model_package_uri}; "
                "register the package under an s3:// location",
            )
        require_signed(spec.model_package_uri, spec.model_sha256, self._storage, self._signers)
        container = {
            "Image": self._image_uri,
            "ModelDataUrl": spec.model_package_uri,
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                **ONNX_RUNTIME,
            },
        }
        identity = stable_hash({"container": container, "role": self._role_arn})[:12]
        name = f"fex-{spec.model_sha256[:16]}-{identity}"
        try:
            self._call(self._client.describe_model, ModelName=name)
        except Exception as error:
            if not is_not_found(error):
                raise
        else:
            return name
        try:
            self._call(
                self._client.create_model,
                ModelName=name,
                PrimaryContainer=container,
                ExecutionRoleArn=self._role_arn,
                EnableNetworkIsolation=True,
                Tags=[{"Key": "fex:model-sha256", "Value": spec.model_sha256}],
            )
        except Exception as error:
            if not is_name_taken(error):  # another task made it meanwhile
                raise
        return name

    def _call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        with aws_errors(SETTINGS):
            return method(**arguments)


def description_of(answer: Mapping[str, Any]) -> TransformDescription:
    """Translate an answer of DescribeTransformJob."""
    return TransformDescription(
        name=answer["TransformJobName"],
        status=JobStatus(answer["TransformJobStatus"]),
        spec_hash=spec_hash_of(answer),
        failure_reason=answer.get("FailureReason") or None,
    )


def _request(spec: TransformSpec, model: str, manifest_uri: str) -> dict[str, Any]:
    payload_bytes = str(spec.max_payload_mb * _MIB)
    return {
        "ModelName": model,
        "MaxConcurrentTransforms": spec.max_concurrent_transforms,
        "MaxPayloadInMB": spec.max_payload_mb,
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {
            "InvocationsTimeoutInSeconds": _REQUEST_TIMEOUT_S,
            "InvocationsMaxRetries": _REQUEST_RETRIES,
        },
        # DescribeTransformJob repeats the environment: one call tells whose job it is.
        "Environment": {
            SPEC_HASH: spec.spec_hash,
            # The model server's own limits default to a little over 6 MB.
            "TS_MAX_REQUEST_SIZE": payload_bytes,
            "TS_MAX_RESPONSE_SIZE": payload_bytes,
        },
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": manifest_uri}},
            "ContentType": CONTENT_TYPE,
            "CompressionType": "None",
            "SplitType": "None",
        },
        "TransformOutput": {
            "S3OutputPath": f"{spec.lake_uri}/{spec.output_prefix}",
            "Accept": ACCEPT,
            "AssembleWith": "None",
        },
        "TransformResources": {
            "InstanceType": spec.instance_type,
            "InstanceCount": spec.instance_count,
        },
        "Tags": [
            {"Key": "fex:spec-hash", "Value": spec.spec_hash},
            {"Key": "fex:batch", "Value": spec.batch_id},
        ],
    }


def _check(settings: TransformSettings, lake: Lake) -> tuple[str, str]:
    """Refuse at start what would be refused by the first job; return role and image."""
    in_flight_mb = settings.max_concurrent_transforms * settings.max_payload_mb
    if in_flight_mb > _PAYLOADS_IN_FLIGHT_MAX_MB:
        raise ConfigurationError(
            "FEX_TRANSFORM__MAX_CONCURRENT_TRANSFORMS",
            f"times FEX_TRANSFORM__MAX_PAYLOAD_MB is {in_flight_mb} MB; "
            f"Batch Transform accepts at most {_PAYLOADS_IN_FLIGHT_MAX_MB} MB",
        )
    return role_and_image("TRANSFORM", settings, lake.uri(""))
