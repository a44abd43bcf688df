"""The calls about one kind of SageMaker job, and what their refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from include.aws_errors import (
    SettingNames,
    aws_errors,
    is_name_taken,
    is_not_found,
    is_rejected,
)
from include.contracts.errors import ConfigurationError
from include.jobs.state import JobExistsError, JobNotFoundError, JobStatus

SPEC_HASH = "FEX_SPEC_HASH"
"""Environment variable of a job that carries its specification's hash; a description repeats it."""


def spec_hash_of(answer: Mapping[str, Any]) -> str | None:
    """Read whose job it is from an answer of `Describe...Job`; None: not this platform's."""
    found: str | None = (answer.get("Environment") or {}).get(SPEC_HASH)
    return found


class Hired(Protocol):
    """Settings of every kind of job of the service."""

    @property
    def role_arn(self) -> str | None:
        """Whose rights a job has."""
        ...

    @property
    def image_uri(self) -> str | None:
        """The container that it runs."""
        ...


def role_and_image(group: str, settings: Hired, lake_uri: str) -> tuple[str, str]:
    """Return the role and the container of a kind's jobs; refuse what its first job would meet.

    Args:
        group: Name of the settings, as `TRAINING`.
        settings: The values.
        lake_uri: The jobs read and write there.

    Raises:
        ConfigurationError: A setting is missing, or the lake is out of the service's reach.
    """
    role, image = settings.role_arn, settings.image_uri
    if not role:
        raise ConfigurationError(
            f"FEX_{group}__ROLE_ARN", "a job on SageMaker needs an execution role"
        )
    if not image:
        raise ConfigurationError(f"FEX_{group}__IMAGE_URI", "a job on SageMaker needs a container")
    if not lake_uri.startswith("s3://"):
        raise ConfigurationError("FEX_STORAGE__LAKE_URL", "jobs on SageMaker need a lake on s3://")
    return role, image


class SageMakerJobs:
    """Transform or training jobs: `Create...Job`, `Describe...Job`, `Stop...Job`.

    Every method may raise `TransientError` (throttling, a quota in use, a lost connection,
    a fault of AWS) and `ConfigurationError` (a refusal, with the setting to change).

    Args:
        client: A boto3 SageMaker client.
        kind: As the names of the calls spell it.
        settings: Behind refusals.
    """

    def __init__(
        self, client: Any, kind: Literal["Transform", "Training"], settings: SettingNames
    ) -> None:
        self._client = client
        self._kind = kind
        self._settings = settings

    def create(self, name: str, request: Mapping[str, Any]) -> None:
        """Start a job.

        Raises:
            JobExistsError: The name was used before.
        """
        try:
            self._call("create", name, **request)
        except Exception as error:
            if is_name_taken(error):
                raise JobExistsError(name) from error
            raise

    def describe(self, name: str) -> Mapping[str, Any]:
        """Return the service's answer.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        try:
            answer: Mapping[str, Any] = self._call("describe", name)
        except Exception as error:
            if is_not_found(error):
                raise JobNotFoundError(name) from error
            raise
        return answer

    def status(self, answer: Mapping[str, Any]) -> JobStatus:
        """Read where a job stands from an answer of `describe`."""
        return JobStatus(answer[f"{self._kind}JobStatus"])

    def stop(self, name: str) -> None:
        """Ask a job to end early; without effect on one that has ended.

        Raises:
            JobNotFoundError: No job of this name was ever created.
        """
        if self.status(self.describe(name)) is not JobStatus.IN_PROGRESS:
            return
        try:
            self._call("stop", name)
        except Exception as error:
            # Refused as invalid: it ended between the two calls.
            if not is_rejected(error):
                raise

    def _call(self, verb: str, name: str, **arguments: Any) -> Any:
        method = getattr(self._client, f"{verb}_{self._kind.lower()}_job")
        with aws_errors(self._settings):
            return method(**{f"{self._kind}JobName": name}, **arguments)
