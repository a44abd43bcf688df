"""A registry that lets nothing answer that nobody signed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from include.contracts.attestation import ATTESTATION_FILE, verify
from include.contracts.documents import Content
from ml.packaging.build import runs_this_code
from ml.registry.beside import read_file_beside
from ml.registry.protocol import (
    CHALLENGER,
    Document,
    ModelRegistry,
    ModelVersion,
    VersionStatus,
)


class SignedRegistry(ModelRegistry):
    """Another registry, with signatures asked for.

    Registering is free, so that a retraining can end while its signer sleeps; what is approved
    or carries another alias than the challenger's must be signed. A package that is fetched is
    signed, or holds no code but that of this tree: code of strangers runs nowhere.

    Args:
        registry: Keeps versions, aliases and documents.
        signers: `FEX_MODEL__SIGNERS`, at least one.
    """

    def __init__(self, registry: ModelRegistry, signers: tuple[str, ...]) -> None:
        self._registry = registry
        self._signers = signers

    def signer(self, version: ModelVersion) -> str:
        """Return who signed a version.

        Raises:
            UnsignedPackageError: None of the signers did.
        """
        envelope = self._registry.document(version, Document.ATTESTATION)
        return verify(envelope, version.sha256, self._signers)[0]

    def register(
        self,
        name: str,
        package: Path,
        *,
        metrics: Mapping[str, float] | None = None,
        metadata: Mapping[str, str] | None = None,
        documents: Mapping[Document, Mapping[str, Any]] | None = None,
    ) -> ModelVersion:
        """Store a package, signed or not; it waits for its approval."""
        return self._registry.register(
            name, package, metrics=metrics, metadata=metadata, documents=documents
        )

    def list_versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Return all versions, oldest first; empty for an unknown name."""
        return self._registry.list_versions(name)

    def set_status(
        self,
        name: str,
        version: str,
        status: VersionStatus,
        *,
        comment: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Approve or reject a version.

        Raises:
            UnsignedPackageError: It is to be approved, and none of the signers signed it.
        """
        if status is VersionStatus.APPROVED:
            self.signer(self._registry.get(name, version))
        return self._registry.set_status(name, version, status, comment=comment, metadata=metadata)

    def set_alias(self, name: str, alias: str, version: str) -> ModelVersion:
        """Point an alias at a version.

        Raises:
            UnsignedPackageError: It is another alias than the challenger's, and none of the
                signers signed the version.
        """
        if alias != CHALLENGER:
            self.signer(self._registry.get(name, version))
        return self._registry.set_alias(name, alias, version)

    def drop_alias(self, name: str, alias: str) -> None:
        """Take an alias off the version that carries it, if any does."""
        self._registry.drop_alias(name, alias)

    def fetch(self, version: ModelVersion, into_dir: Path) -> Path:
        """Copy the package to `into_dir/model.tar.gz`.

        Raises:
            UnsignedPackageError: Nobody signed it, and it holds other code than this tree's.
        """
        package = self._registry.fetch(version, into_dir)
        if not runs_this_code(package):
            self.signer(version)
        return package

    def document(self, version: ModelVersion, kind: Document) -> Content | None:
        """Return a document that lies beside a version, None where there is none."""
        return self._registry.document(version, kind)

    def attach(self, version: ModelVersion, kind: Document, content: Mapping[str, Any]) -> None:
        """Put a document beside a registered version; it replaces one of the same kind."""
        self._registry.attach(version, kind, content)

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other processes of this machine from registering meanwhile, where possible."""
        return self._registry.exclusive()


def require_signed(registry: ModelRegistry, version: ModelVersion) -> None:
    """Refuse a version that may not answer because nobody signed it.

    Raises:
        UnsignedPackageError: The registry asks for signatures, and it has none that counts.
    """
    if isinstance(registry, SignedRegistry):
        registry.signer(version)


def attestation_beside(package: Path) -> Content | None:
    """Return the signature that lies beside a package's file, None where there is none.

    Raises:
        ConfigurationError: The file there is no JSON object.
    """
    path = package.with_name(ATTESTATION_FILE)
    return read_file_beside(path) if path.exists() else None
