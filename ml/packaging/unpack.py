"""Take a model package apart without trusting it."""

from __future__ import annotations

from pathlib import Path

from include.contracts.package import (
    package_sha256,
    read_members,
    read_signature,
    unpack_members,
)

__all__ = ["package_sha256", "read_package", "read_signature", "unpack_package"]

read_package = read_members


def unpack_package(package: Path, into_dir: Path) -> Path:
    """Unpack into a new folder under `into_dir`, named by the package's sha256.

    The folder appears by one rename; a folder that is already there is returned.

    Returns:
        The model directory, ready for `PackedModel.open`.

    Raises:
        ConfigurationError: The package is damaged, see `read_members`.
    """
    target = into_dir / package_sha256(package)
    return target if target.is_dir() else unpack_members(package, target)
