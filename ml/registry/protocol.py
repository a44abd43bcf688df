"""What a model registry does, whichever keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from include.contracts.errors import PlatformError


class VersionStatus(StrEnum):
    """Whether a version may be used, in SageMaker's vocabulary."""

    PENDING = "PendingManualApproval"
    APPROVED = "Approved"
    REJECTED = "Rejected"


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
    """

    name: str
    version: str
    package_uri: str
    sha256: str
    aliases: tuple[str, ...]
    status: VersionStatus
    metrics: Mapping[str, float] = field(default_factory=dict)


class ModelRegistry(Protocol):
    """Versions of packages under model names, with aliases."""

    def register(
        self,
        name: str,
        package: Path,
        *,
        metrics: Mapping[str, float] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Store a package and return its version, pending approval.

        The same bytes are registered once: the version they have is returned.
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
        self, name: str, version: str, status: VersionStatus, *, comment: str = ""
    ) -> ModelVersion:
        """Approve or reject a version. Aliases and metrics stay."""
        ...

    def set_alias(self, name: str, alias: str, version: str) -> ModelVersion:
        """Point an alias at an approved version; it leaves the version it was on.

        Raises `RegistryError` when the version is not approved.
        """
        ...

    def fetch(self, version: ModelVersion, into_dir: Path) -> Path:
        """Copy the package to `into_dir/model.tar.gz` and return its path.

        Raises `RegistryError` when the bytes are not the registered ones.
        """
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other processes of this machine from registering meanwhile, where possible."""
        ...


def flat_metrics(signature_metrics: Mapping[str, object]) -> dict[str, float]:
    """Return `{split}_{figure}` values of a signature's metrics, for a registry's columns."""
    flat: dict[str, float] = {}
    for split, part in signature_metrics.items():
        figures = part.get("figures", {}) if isinstance(part, Mapping) else {}
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "ece", "log_loss"):
            if name in figures:
                flat[f"{split}_{name}"] = float(figures[name]["value"])
    return flat
