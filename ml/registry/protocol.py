"""What a model registry does, whichever keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from include.contracts.documents import Content
from include.contracts.errors import ConfigurationError, PlatformError, TransientError
from ml.packaging.signature import Measured
from ml.packaging.unpack import package_sha256

CHAMPION = "champion"
"""The version that answers."""
CHALLENGER = "challenger"
"""The version that may become it: the one alias that a version may carry unapproved."""
PREVIOUS = "previous"
"""The champion before the last promotion: where a rollback goes."""

PACKAGE = "model.tar.gz"
"""Name of a package's file."""
MAX_METADATA = 25
_KEY = re.compile(r"[\w .:/=+\-@]{1,100}")
_VALUE = re.compile(r"[\w .:/=+\-@]{1,256}")
_RESERVED = re.compile(r"(sha256|status|comment)$|(alias|metric|mlflow)\.")


class VersionStatus(StrEnum):
    """Whether a version may be used, in SageMaker's vocabulary."""

    PENDING = "PendingManualApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"


class Document(StrEnum):
    """What is kept beside a package, as JSON."""

    MODEL_CARD = "model_card"
    """SageMaker's model-card schema."""
    MODEL_QUALITY = "model_quality"
    """Statistics in the form of SageMaker Model Monitor."""
    BIAS = "bias"
    """A bias report in the vocabulary of SageMaker Clarify."""
    ATTESTATION = "attestation"
    """Who signed the package, see `include.contracts.attestation`."""


class RegistryError(PlatformError):
    """A version is not there, not approved, or its bytes are not the registered ones."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One registered package.

    Attributes:
        name: Name of the model.
        version: Number of the version, as text; it grows.
        package_uri: `file://` or `s3://` URI of `model.tar.gz`.
        sha256: Hex digest of the package's bytes.
        aliases: Names that point at this version, sorted.
        status: Whether it may be used.
        metrics: Figures by name.
        metadata: What else is known of it, texts by name.
        comment: What was said when its status last changed.
    """

    name: str
    version: str
    package_uri: str
    sha256: str
    aliases: tuple[str, ...]
    status: VersionStatus
    metrics: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


class ModelRegistry(Protocol):
    """Versions of packages under model names, with aliases."""

    def register(
        self,
        name: str,
        package: Path,
        *,
        metrics: Mapping[str, float] | None = None,
        metadata: Mapping[str, str] | None = None,
        documents: Mapping[Document, Mapping[str, Any]] | None = None,
    ) -> ModelVersion:
        """Store a package and return its version, pending approval.

        The same bytes are registered once: the version they have is returned.

        Raises:
            ConfigurationError: The package cannot be read, or `check_metadata` refuses.
        """
        ...

    def get(self, name: str, version: str) -> ModelVersion:
        """Return a version. Raises `RegistryError` when it is not there."""
        found = next((v for v in self.list_versions(name) if v.version == version), None)
        if found is None:
            raise RegistryError(f"model {name!r} has no version {version!r}")
        return found

    def get_by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """Return the version that carries an alias, None when no version does."""
        return next((v for v in self.list_versions(name) if alias in v.aliases), None)

    def list_versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Return all versions, oldest first; empty for an unknown name."""
        ...

    def set_status(
        self,
        name: str,
        version: str,
        status: VersionStatus,
        *,
        comment: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Approve or reject a version. Aliases and metrics stay, `metadata` is added."""
        ...

    def set_alias(self, name: str, alias: str, version: str) -> ModelVersion:
        """Point an alias at a version; it leaves the version it was on.

        Raises `RegistryError` when the version may not carry it, see `may_carry`.
        """
        ...

    def drop_alias(self, name: str, alias: str) -> None:
        """Take an alias off the version that carries it, if any does."""
        ...

    def fetch(self, version: ModelVersion, into_dir: Path) -> Path:
        """Copy the package to `into_dir/model.tar.gz` and return its path.

        Raises `RegistryError` when the bytes are not the registered ones.
        """
        ...

    def document(self, version: ModelVersion, kind: Document) -> Content | None:
        """Return a document that lies beside a version, None where there is none."""
        ...

    def attach(self, version: ModelVersion, kind: Document, content: Mapping[str, Any]) -> None:
        """Put a document beside a registered version; it replaces one of the same kind.

        For what is found out later, such as a bias audit. Status and aliases stay untouched.
        """
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other processes of this machine from registering meanwhile, where possible."""
        ...


def may_carry(alias: str, status: VersionStatus) -> bool:
    """Tell whether a version of this status may carry an alias.

    Only what is approved may; a challenger still waits for its approval.
    """
    waiting = alias == CHALLENGER and status is VersionStatus.PENDING
    return waiting or status is VersionStatus.APPROVED


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse metadata that one of the registries could not keep.

    The limits are SageMaker's for customer metadata, with room for our own entries.

    Raises:
        ConfigurationError: An entry is too long, holds other characters than letters,
            digits, spaces and `_.:/=+-@`, or has a name that the registry uses itself.
    """
    if len(metadata) > MAX_METADATA:
        raise ConfigurationError("metadata", f"{len(metadata)} entries, at most {MAX_METADATA} fit")
    for key, value in metadata.items():
        if not _KEY.fullmatch(key) or _RESERVED.match(key):
            raise ConfigurationError("metadata", f"the name {key!r} cannot be used")
        if not _VALUE.fullmatch(value):
            raise ConfigurationError(
                "metadata",
                f"{key} is {value!r}: 1 to 256 letters, digits, spaces and _.:/=+-@ can be kept",
            )


def fetch_checked(version: ModelVersion, into_dir: Path, copy: Callable[[Path], object]) -> Path:
    """Have a package copied to `into_dir/model.tar.gz` and check its sha256; return its path.

    Args:
        version: The package's.
        into_dir: Made if it is not there.
        copy: Writes the file it is given.

    Raises:
        TransientError: It could not be copied for now.
        RegistryError: The bytes are not the registered ones.
    """
    into_dir.mkdir(parents=True, exist_ok=True)
    target = into_dir / PACKAGE
    try:
        copy(target)
    except Exception as error:
        raise TransientError(f"{version.package_uri} cannot be read: {error}") from error
    if package_sha256(target) != version.sha256:
        raise RegistryError(f"{version.package_uri} is not the registered package")
    return target


def flat_metrics(metrics: Mapping[str, Measured]) -> dict[str, float]:
    """Return `{split}_{figure}` values of a signature's metrics, for a registry's columns."""
    flat: dict[str, float] = {}
    for split, measured in metrics.items():
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "ece", "log_loss"):
            figure = measured.figures.get(name)
            if figure is not None and figure.is_defined:
                flat[f"{split}_{name}"] = figure.value
    return flat
