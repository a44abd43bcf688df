"""The production registry: SageMaker model packages.

A model name is a model package group, a version is a package of it. SageMaker
has no aliases: an alias is a customer-metadata entry `alias.{name}` that holds a
growing number, and the version with the highest number that may carry it does, so
that a reader never finds none while an alias moves.

Documents lie beside the package on S3. The model card is part of the model package as
well, in the reduced schema that belongs there; reports are its `ModelMetrics`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from include.contracts.documents import Content
from include.contracts.errors import ConfigurationError
from ml.packaging.unpack import package_sha256
from ml.registry.beside import read_beside
from ml.registry.protocol import (
    PACKAGE,
    Document,
    ModelRegistry,
    ModelVersion,
    RegistryError,
    VersionStatus,
    check_metadata,
    fetch_checked,
    may_carry,
)

_SHA256, _ALIAS, _METRIC = "sha256", "alias.", "metric."
_CONTENT_TYPES = ["application/x-tar", "application/x-image"]
_RESPONSE_TYPES = ["application/jsonlines", "application/json"]
_JSON = "application/json"
_CARD_STATUS = {
    VersionStatus.PENDING: "PendingReview",
    VersionStatus.APPROVED: "Approved",
    VersionStatus.REJECTED: "Draft",
}
_CARD_OVERVIEW = ("model_creator", "model_artifact")
"""What the card of a model package may say of the model: the package says the rest."""


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
        documents: Mapping[Document, Mapping[str, Any]] | None = None,
    ) -> ModelVersion:
        """Upload a package and create a version of its group, pending approval."""
        if self._s3 is None or self._package_root is None or self._image_uri is None:
            raise ConfigurationError(
                "FEX_MODEL__REGISTRY",
                "registering with 'sagemaker' needs an S3 client, a package folder and an image",
            )
        check_metadata(metadata or {})
        sha256 = package_sha256(package)
        for version in self.list_versions(name):
            if version.sha256 == sha256:
                return version
        self._ensure_group(name)
        folder = f"{self._package_root}/{name}/{sha256}"
        self._upload(f"{folder}/{PACKAGE}", package.read_bytes())
        figures = {"classification_metrics": dict(metrics or {})}
        # ModelMetrics cannot change after creation and a bias audit comes later: its object is
        # named from the start, and empty until `attach`.
        kept = {Document.MODEL_QUALITY: figures, Document.BIAS: {}, **(documents or {})}
        for kind, content in kept.items():
            self._upload(f"{folder}/{kind}.json", _json_bytes(content))
        created = self._client.create_model_package(
            ModelPackageGroupName=name,
            ModelPackageDescription=f"sha256 {sha256}",
            # A repeated call within the token's life returns the first one's version.
            ClientToken=hashlib.sha256(f"{name}/{sha256}".encode()).hexdigest()[:36],
            InferenceSpecification={
                "Containers": [
                    {"Image": self._image_uri, "ModelDataUrl": f"{folder}/{PACKAGE}"},
                ],
                "SupportedContentTypes": _CONTENT_TYPES,
                "SupportedResponseMIMETypes": _RESPONSE_TYPES,
                "SupportedTransformInstanceTypes": self._instance_types,
                "SupportedRealtimeInferenceInstanceTypes": self._instance_types,
            },
            **_model_metrics(folder),
            **_model_card(kept.get(Document.MODEL_CARD)),
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
        self,
        name: str,
        version: str,
        status: VersionStatus,
        *,
        comment: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Approve or reject a version."""
        check_metadata(metadata or {})
        package = self._package(name, version)
        self._update(package, status, {**_metadata(package), **(metadata or {})}, comment)
        return self.get(name, version)

    def set_alias(self, name: str, alias: str, version: str) -> ModelVersion:
        """Point an alias at a version that may carry it."""
        packages = list(self._packages(name))
        package = self._package(name, version)
        if not may_carry(alias, _status(package)):
            raise RegistryError(f"version {version} of model {name!r} is not approved")
        key = f"{_ALIAS}{alias}"
        highest = max((int(_metadata(item).get(key, "0")) for item in packages), default=0)
        turn = str(max(highest + 1, time.time_ns()))
        self._update(package, _status(package), {**_metadata(package), key: turn})
        self._drop(key, [item for item in packages if str(item["ModelPackageVersion"]) != version])
        return self.get(name, version)

    def drop_alias(self, name: str, alias: str) -> None:
        """Take an alias off the version that carries it, if any does."""
        self._drop(f"{_ALIAS}{alias}", list(self._packages(name)))

    def _drop(self, key: str, packages: list[dict[str, Any]]) -> None:
        # Oldest turn first: a reader in between still finds the holder, or none.
        marked = [item for item in packages if key in _metadata(item)]
        for item in sorted(marked, key=lambda item: int(_metadata(item)[key])):
            metadata = {k: v for k, v in _metadata(item).items() if k != key}
            self._update(item, _status(item), metadata, remove=[key])

    def fetch(self, version: ModelVersion, into_dir: Path) -> Path:
        """Copy the package to `into_dir/model.tar.gz`, checked against its sha256."""
        if self._s3 is None:
            raise ConfigurationError("FEX_MODEL__REGISTRY", "'sagemaker' needs an S3 client here")
        bucket, key = _bucket_and_key(version.package_uri)
        return fetch_checked(
            version, into_dir, lambda target: self._s3.download_file(bucket, key, str(target))
        )

    def document(self, version: ModelVersion, kind: Document) -> Content | None:
        """Return a document that lies beside a version, None where there is none."""
        if self._s3 is None:
            raise ConfigurationError("FEX_MODEL__REGISTRY", "'sagemaker' needs an S3 client here")
        bucket, key = _bucket_and_key(version.package_uri)
        beside = key.removesuffix(PACKAGE) + f"{kind}.json"
        try:
            body = self._s3.get_object(Bucket=bucket, Key=beside)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return read_beside(body, f"s3://{bucket}/{beside}") or None

    def attach(self, version: ModelVersion, kind: Document, content: Mapping[str, Any]) -> None:
        """Write the object that the version's `ModelMetrics` have named since it was created."""
        if self._s3 is None:
            raise ConfigurationError("FEX_MODEL__REGISTRY", "'sagemaker' needs an S3 client here")
        folder = version.package_uri.removesuffix(f"/{PACKAGE}")
        self._upload(f"{folder}/{kind}.json", _json_bytes(content))

    def exclusive(self) -> AbstractContextManager[None]:
        """Nothing to hold: the client token makes registering idempotent."""
        return nullcontext()

    def create_model(self, version: ModelVersion, *, model_name: str, role_arn: str) -> str:
        """Create the SageMaker model of an approved version and return its ARN.

        Raises:
            RegistryError: The version is not approved.
        """
        package = self._package(version.name, version.version)
        if _status(package) is not VersionStatus.APPROVED:
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
        if package.get("ModelCard"):
            request["ModelCard"] = {"ModelCardStatus": _CARD_STATUS[status]}
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
        # S3 refuses a body that is not what this checksum says.
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self._s3.put_object(Bucket=bucket, Key=key, Body=body, ChecksumSHA256=checksum)


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


def _status(package: Mapping[str, Any]) -> VersionStatus:
    return VersionStatus(package.get("ModelApprovalStatus") or VersionStatus.PENDING)


def _model_metrics(folder: str) -> dict[str, Any]:
    def source(kind: Document) -> dict[str, str]:
        return {"ContentType": _JSON, "S3Uri": f"{folder}/{kind}.json"}

    return {
        "ModelMetrics": {
            "ModelQuality": {"Statistics": source(Document.MODEL_QUALITY)},
            "Bias": {"Report": source(Document.BIAS)},
        }
    }


def _json_bytes(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, indent=2).encode()


def _model_card(card: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a card as `CreateModelPackage` takes it, in the reduced schema of a package.

    See "Model package model card schema" in the SageMaker AI developer guide.
    """
    if card is None:
        return {}
    content = {key: value for key, value in card.items() if key != "model_package_details"}
    overview = {k: v for k, v in card.get("model_overview", {}).items() if k in _CARD_OVERVIEW}
    return {
        "ModelCard": {
            "ModelCardContent": json.dumps({**content, "model_overview": overview}),
            "ModelCardStatus": _CARD_STATUS[VersionStatus.PENDING],
        }
    }


def _alias_holders(packages: list[dict[str, Any]]) -> dict[str, str]:
    """Return the version that holds each alias: may carry it, with the highest number."""
    best: dict[str, tuple[int, str]] = {}
    for package in packages:
        for key, turn in _metadata(package).items():
            if key.startswith(_ALIAS) and may_carry(key.removeprefix(_ALIAS), _status(package)):
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
        status=_status(package),
        metrics={
            key.removeprefix(_METRIC): float(value)
            for key, value in metadata.items()
            if key.startswith(_METRIC)
        },
        metadata={
            key: value
            for key, value in metadata.items()
            if key != _SHA256 and not key.startswith((_METRIC, _ALIAS))
        },
        comment=package.get("ApprovalDescription") or "",
    )
