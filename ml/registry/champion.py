"""The packaged champion, and a registered version as a model directory."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ml.packaging.unpack import package_sha256, unpack_package
from ml.registry.promotion import register_package
from ml.registry.protocol import (
    CHAMPION,
    Document,
    ModelRegistry,
    ModelVersion,
    VersionStatus,
)
from ml.registry.signed import attestation_beside

__all__ = ["CHAMPION", "PACKAGED", "materialise", "register_packaged_champion"]

PACKAGED = Path(__file__).parents[1] / "weights" / "model.tar.gz"
"""The committed package."""


def register_packaged_champion(
    registry: ModelRegistry, *, name: str, alias: str = CHAMPION, package: Path = PACKAGED
) -> ModelVersion:
    """Register the committed package if no version carries the alias yet.

    The golden-image gate runs before. Calling again, or from two processes at
    once, registers nothing twice; a champion that is there is never replaced.

    Raises:
        GoldenImageError: The package fails the gate.
        ConfigurationError: The package is damaged.
    """
    champion = registry.get_by_alias(name, alias)
    if champion is not None:
        _bring_signature(registry, champion, package)
        return champion
    with registry.exclusive():
        champion = registry.get_by_alias(name, alias)
        if champion is not None:
            return champion
        version = register_package(registry, name, package)
        registry.set_status(
            name, version.version, VersionStatus.APPROVED, comment="shipped with the project"
        )
        return registry.set_alias(name, alias, version.version)


def _bring_signature(registry: ModelRegistry, champion: ModelVersion, package: Path) -> None:
    """Give a champion that was registered before packages were signed the signature it has now."""
    attestation = attestation_beside(package)
    if attestation is None or package_sha256(package) != champion.sha256:
        return
    if registry.document(champion, Document.ATTESTATION) is None:
        registry.attach(champion, Document.ATTESTATION, attestation)


def materialise(registry: ModelRegistry, version: ModelVersion, into_dir: Path) -> Path:
    """Fetch a version, check it and unpack it; return the model directory.

    The directory is `into_dir/{sha256}`; one that is there is returned at once.

    Raises:
        RegistryError: The stored bytes are not the registered ones.
        ConfigurationError: The package is damaged.
    """
    target = into_dir / version.sha256
    if target.is_dir():
        return target
    into_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=into_dir) as scratch:
        return unpack_package(registry.fetch(version, Path(scratch)), into_dir)
