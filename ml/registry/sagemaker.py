"""The production registry: SageMaker model packages.

A model name is a model package group, a version is a package of it. SageMaker
has no aliases: an alias is a customer-metadata entry `alias.{name}` that holds a
growing number, and the approved version with the highest number carries it, so
that a reader never finds none while an alias moves.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from include.contracts.errors import ConfigurationError, TransientError
from ml.packaging.unpack import package_sha256
from ml.registry.protocol import ModelRegistry, ModelVersion, RegistryError, VersionStatus

_SHA256, _ALIAS, _METRIC = "sha256", "alias.", "metric."
_CONTENT_TYPES = ["application/x-tar", "application/x-image"]
_RESPONSE_TYPES = ["application/jsonlines", "application/json"]
_NAME = "model.tar.gz"


class SageMakerRegistry(ModelRegistry):
    """Registry in SageMaker.

    Args:
        client: A boto3 SageMaker client.
        s3: A boto3 S3 client; needed to register and to fetch.
        package_root: `s3://bucket/prefix` for packages; needed to register.
        image_uri: Inference container of registered packages; needed to register.
        instance_types: Instance types a package may be used on.
    """

    def __init__(
        self,
        *,
        client: Any,
        s3: Any = None,
        package_root: str | None = None,
        image_uri: str | None = None,
        instance_types: tuple[str, ...] = ("ml.m5.large",),
    ) -> None:
        self._client = client
        self._s3 = s3
        self._package_root = package_root.rstrip("/") if package_root else None
        self._image_uri = image_uri
        self._instance_types = list(instance_types)

    def register(
        self,
        name: str,
        package: Path,
        *,
        metrics: Mapping[str, float] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Upload a package and create a version of its group, pending approval."""
        if self._s3 is None or self._package_root is None or self._image_uri is None:
            raise ConfigurationError(
                "FEX_MODEL__REGISTRY",
                "registering with 'sagemaker' needs an S3 client, a package folder and an image",
            )
        sha256 = package_sha256(package)
        for version in self.list_versions(name):
            if version.sha256 == sha256:
                return version
        self._ensure_group(name)
        folder = f"{self._package_root}/{name}/{sha256}"
        self._upload(f"{folder}/{_NAME}", package.read_bytes())
        quality = json.dumps({"classification_metrics": dict(metrics or {})}, sort_keys=True)
        self._upload(f"{folder}/quality.json", quality.encode())
        created = self._client.create_model_package(
            ModelPackageGroupName=name,
            ModelPackageDescription=f"sha256 {sha256}",
            # A repeated call within the token's life returns the first one's version.
            ClientToken=hashlib.sha256(f"{name}/{sha256}".encode()).hexdigest()[:36],
            InferenceSpecification={
                "Containers": [
                    {"Image": self._image_uri, "ModelDataUrl": f"{folder}/{_NAME}"},
                ],
                "SupportedContentTypes": _CONTENT_TYPES,
                "SupportedResponseMIMETypes": _RESPONSE_TYPES,
                "SupportedTransformInstanceTypes": self._instance_types,
                "SupportedRealtimeInferenceInstanceTypes": self._instance_types,
            },
            ModelMetrics={
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": f"{folder}/quality.json",
                    }
                }
            },
            ModelApprovalStatus=VersionStatus.PENDING.value,
            CustomerMetadataProperties={
                **(metadata or {}),
                _SHA256: sha256,
                **{f"{_METRIC}{key}": repr(value) for key, value in (metrics or {}).items()},
            },
        )
        described = self._describe(created["ModelPackageArn"])
        return self.get(name, str(described["ModelPackageVersion"]))

    def list_versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Return all versions, oldest first; empty for an unknown name."""
        described = sorted(self._packages(name), key=lambda item: int(item["ModelPackageVersion"]))
        holders = _alias_holders(described)
        return tuple(_version(name, item, holders) for item in described)

    def set_status(
        self, name: str, version: str, status: VersionStatus, *, comment: str = ""
    ) -> ModelVersion:
        """Approve or reject a version."""
        package = self._package(name, version)
        self._update(package, status, _metadata(package), comment)
        return self.get(name, version)

    def set_alias(self, name: str, alias: str, version: str) -> ModelVersion:
        """Point an alias at an approved version."""
        packages = list(self._packages(name))
        package = self._package(name, version)
        if package.get("ModelApprovalStatus") != VersionStatus.APPROVED:
            raise RegistryError(f"version {version} of model {name!r} is not approved")
        key = f"{_ALIAS}{alias}"
        highest = max((int(_metadata(item).get(key, "0")) for item in packages), default=0)
        turn = str(max(highest + 1, time.time_ns()))
        self._update(package, VersionStatus.APPROVED, {**_metadata(package), key: turn})
        for item in packages:
            if str(item["ModelPackageVersion"]) != version and key in _metadata(item):
                metadata = {k: v for k, v in _metadata(item).items() if k != key}
                status = VersionStatus(item["ModelApprovalStatus"])
                self._update(item, status, metadata, remove=[key])
        return self.get(name, version)

    def fetch(self, version: ModelVersion, into_dir: Path) -> Path:
        """Copy the package to `into_dir/model.tar.gz`, checked against its sha256."""
        if self._s3 is None:
            raise ConfigurationError("FEX_MODEL__REGISTRY", "'sagemaker' needs an S3 client here")
        into_dir.mkdir(parents=True, exist_ok=True)
        target = into_dir / _NAME
        bucket, key = _bucket_and_key(version.package_uri)
        try:
            self._s3.download_file(bucket, key, str(target))
        except Exception as error:
            raise TransientError(f"{version.package_uri} cannot be read: {error}") from error
        if package_sha256(target) != version.sha256:
            raise RegistryError(f"{version.package_uri} is not the registered package")
        return target

    def exclusive(self) -> AbstractContextManager[None]:
        """Nothing to hold: the client token makes registering idempotent."""
        return nullcontext()

    def create_model(self, version: ModelVersion, *, model_name: str, role_arn: str) -> str:
        """Create the SageMaker model of an approved version and return its ARN.

        Raises:
            RegistryError: The version is not approved.
        """
        package = self._package(version.name, version.version)
        if package.get("ModelApprovalStatus") != VersionStatus.APPROVED:
            raise RegistryError(f"version {version.version} of {version.name!r} is not approved")
        created = self._client.create_model(
            ModelName=model_name,
            Containers=[{"ModelPackageName": package["ModelPackageArn"]}],
            ExecutionRoleArn=role_arn,
        )
        return str(created["ModelArn"])

    def _update(
        self,
        package: Mapping[str, Any],
        status: VersionStatus,
        metadata: Mapping[str, str],
        comment: str = "",
        remove: list[str] | None = None,
    ) -> None:
        # Status and metadata go along each time: what an update leaves out may be erased.
        request: dict[str, Any] = {
            "ModelPackageArn": package["ModelPackageArn"],
            "ModelApprovalStatus": status.value,
            "CustomerMetadataProperties": dict(metadata),
        }
        described = comment or package.get("ApprovalDescription")
        if described:
            request["ApprovalDescription"] = described
        if remove:
            request["CustomerMetadataPropertiesToRemove"] = remove
        self._client.update_model_package(**request)

    def _package(self, name: str, version: str) -> dict[str, Any]:
        for package in self._packages(name):
            if str(package["ModelPackageVersion"]) == version:
                return package
        raise RegistryError(f"model {name!r} has no version {version!r}")

    def _packages(self, name: str) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            try:
                page = self._client.list_model_packages(ModelPackageGroupName=name, **token)
            except self._client.exceptions.ClientError as error:
                if _is_missing(error):
                    return
                raise
            for summary in page["ModelPackageSummaryList"]:
                yield self._describe(summary["ModelPackageArn"])
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def _describe(self, arn: str) -> dict[str, Any]:
        return dict(self._client.describe_model_package(ModelPackageName=arn))

    def _ensure_group(self, name: str) -> None:
        try:
            self._client.describe_model_package_group(ModelPackageGroupName=name)
        except self._client.exceptions.ClientError as error:
            if not _is_missing(error):
                raise
            self._client.create_model_package_group(
                ModelPackageGroupName=name,
                ModelPackageGroupDescription="Displayed-expression classifier",
            )

    def _upload(self, uri: str, body: bytes) -> None:
        bucket, key = _bucket_and_key(uri)
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)


def _is_missing(error: Any) -> bool:
    answer = error.response["Error"]
    return answer["Code"] in {"ValidationException", "ValidationError", "ResourceNotFound"} and (
        "not exist" in answer["Message"] or "not found" in answer["Message"].lower()
    )


def _bucket_and_key(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise ConfigurationError("model package", f"{uri} is not an s3:// URI")
    return parts.netloc, parts.path.lstrip("/")


def _metadata(package: Mapping[str, Any]) -> dict[str, str]:
    return dict(package.get("CustomerMetadataProperties") or {})


def _alias_holders(packages: list[dict[str, Any]]) -> dict[str, str]:
    """Return the version that holds each alias: approved, with the highest number."""
    best: dict[str, tuple[int, str]] = {}
    for package in packages:
        if package.get("ModelApprovalStatus") != VersionStatus.APPROVED:
            continue
        for key, turn in _metadata(package).items():
            if key.startswith(_ALIAS):
                candidate = (int(turn), str(package["ModelPackageVersion"]))
                best[key] = max(best.get(key, (0, "")), candidate)
    return {key.removeprefix(_ALIAS): version for key, (_, version) in best.items()}


def _version(name: str, package: Mapping[str, Any], holders: Mapping[str, str]) -> ModelVersion:
    metadata = _metadata(package)
    number = str(package["ModelPackageVersion"])
    return ModelVersion(
        name=name,
        version=number,
        package_uri=package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"],
        sha256=metadata.get(_SHA256, ""),
        aliases=tuple(sorted(alias for alias, holder in holders.items() if holder == number)),
        status=VersionStatus(package.get("ModelApprovalStatus") or VersionStatus.PENDING),
        metrics={
            key.removeprefix(_METRIC): float(value)
            for key, value in metadata.items()
            if key.startswith(_METRIC)
        },
    )
