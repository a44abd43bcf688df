"""The SageMaker backend: a training job of the service, on spot capacity where that is wanted.

Calls and their limits follow the SageMaker API reference (CreateTrainingJob,
CheckpointConfig, StoppingCondition) and "Managed Spot Training" in the developer guide:
the service copies `/opt/ml/checkpoints` to S3 while the job runs, and back when it
starts it again.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.aws_errors import SettingNames
from include.contracts.errors import TransientError
from include.jobs.sagemaker import SPEC_HASH, SageMakerJobs, role_and_image, spec_hash_of
from include.lake import keys
from include.training_jobs.backend import TrainingDescription
from include.training_jobs.source import PROGRAM, sha256_of, source_archive
from include.training_jobs.spec import RESULTS, TrainingSpec

if TYPE_CHECKING:
    from include.lake.store import Lake
    from include.settings import TrainingSettings

SETTINGS = SettingNames(
    default="FEX_TRAINING__BACKEND",
    by_word={
        "role": "FEX_TRAINING__ROLE_ARN",
        "image": "FEX_TRAINING__IMAGE_URI",
        "instancetype": "FEX_TRAINING__INSTANCE_TYPE",
        "instance type": "FEX_TRAINING__INSTANCE_TYPE",
        "maxwaittime": "FEX_TRAINING__MAX_WAIT_S",
        "maxruntime": "FEX_TRAINING__TIMEOUT_S",
        "volumesize": "FEX_TRAINING__VOLUME_GB",
        "s3": "FEX_STORAGE__LAKE_URL",
    },
)
"""What a person changes where AWS refuses a training job."""

_CHANNEL = "data"
_PERMANENT = "ConfigurationError"


class SageMakerTraining:
    """Runs training jobs on SageMaker, under the contract of `TrainingBackend`.

    Args:
        client: A boto3 SageMaker client.
        settings: Instance, role, image, spot.
        lake: On `s3://`; data, code, checkpoints and results lie there.

    Raises:
        ConfigurationError: A setting is missing.
    """

    def __init__(self, *, client: Any, settings: TrainingSettings, lake: Lake) -> None:
        self._region = client.meta.region_name
        self._jobs = SageMakerJobs(client, "Training", SETTINGS)
        self._settings = settings
        self._lake = lake
        self._role_arn, self._image_uri = role_and_image("TRAINING", settings, lake.uri(""))
        self._said: dict[str, int] = {}

    def create(self, spec: TrainingSpec) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before.
            TransientError: Throttling, a quota in use, a lost connection, a fault of AWS.
            ConfigurationError: AWS refuses the request; a setting is named.
        """
        self._jobs.create(spec.name, self._request(spec, self._store_source()))

    def describe(self, name: str) -> TrainingDescription:
        """Return the present state of a job.

        Raises:
            JobNotFoundError: No job of this name was ever created.
            TransientError: As for `create`.
            ConfigurationError: The credentials do not allow it.
        """
        answer = self._jobs.describe(name)
        reason = answer.get("FailureReason") or None
        return TrainingDescription(
            name=name,
            status=self._jobs.status(answer),
            spec_hash=spec_hash_of(answer),
            failure_reason=reason,
            permanent=reason is not None and _PERMANENT in reason,
            stage=answer.get("SecondaryStatus"),
        )

    def stop(self, name: str) -> None:
        """Ask a job to end early; without effect on one that has ended.

        Raises:
            JobNotFoundError: No job of this name was ever created.
            TransientError: As for `create`.
            ConfigurationError: The credentials do not allow it.
        """
        self._jobs.stop(name)

    def news(self, name: str) -> list[str]:
        """Return what the service said of the job since the last call.

        The log itself is in CloudWatch, group `/aws/sagemaker/TrainingJobs`.
        """
        steps = self._jobs.describe(name).get("SecondaryStatusTransitions") or []
        fresh = steps[self._said.get(name, 0) :]
        self._said[name] = len(steps)
        return [f"{step['Status']}: {step.get('StatusMessage', '')}".rstrip(": ") for step in fresh]

    def fetch(self, spec: TrainingSpec, into_dir: Path) -> Path:
        """Unpack what a completed job left to `into_dir/run`; plain files only.

        Raises:
            TransientError: It is not there (yet), or is damaged.
        """
        folder = into_dir / RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        key = f"{spec.output_prefix}/{spec.name}/output/model.tar.gz"
        try:
            content = self._lake.get_bytes(key)
        except FileNotFoundError as error:
            raise TransientError(f"{spec.name} left no {key!r}") from error
        try:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
                for member in archive:
                    stream = archive.extractfile(member) if member.isfile() else None
                    if stream is not None:
                        (folder / Path(member.name).name).write_bytes(stream.read())
        except tarfile.TarError as error:
            raise TransientError(f"{key!r} is damaged: {error}") from error
        return folder

    def forget(self, request_id: str) -> None:
        """Remove the checkpoints of a request that has ended."""
        self._lake.delete_prefix(keys.retraining_checkpoints(request_id))

    def _store_source(self) -> str:
        archive = source_archive()
        key = keys.training_source(sha256_of(archive))
        self._lake.put_if_absent(key, archive)
        return self._lake.uri(key)

    def _request(self, spec: TrainingSpec, source_uri: str) -> dict[str, Any]:
        settings = self._settings
        stopping = {"MaxRuntimeInSeconds": int(settings.timeout_s)}
        if settings.spot:
            stopping["MaxWaitTimeInSeconds"] = max(int(settings.timeout_s), settings.max_wait_s)
        return {
            "RoleArn": self._role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": self._image_uri,
                "TrainingInputMode": "File",
            },
            "HyperParameters": {
                # The containers read each value as JSON.
                "sagemaker_program": json.dumps(PROGRAM),
                "sagemaker_submit_directory": json.dumps(source_uri),
                "sagemaker_region": json.dumps(self._region),
            },
            "InputDataConfig": [
                {
                    "ChannelName": _CHANNEL,
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"{spec.lake_uri}/{spec.data_prefix}/",
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"{spec.lake_uri}/{spec.output_prefix}"},
            "CheckpointConfig": {"S3Uri": f"{spec.lake_uri}/{spec.checkpoint_prefix}"},
            "ResourceConfig": {
                "InstanceType": settings.instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": settings.volume_gb,
            },
            "StoppingCondition": stopping,
            "EnableManagedSpotTraining": settings.spot,
            "Environment": {SPEC_HASH: spec.spec_hash},
            "Tags": [
                {"Key": "fex:spec-hash", "Value": spec.spec_hash},
                {"Key": "fex:retraining", "Value": spec.request_id},
            ],
        }
