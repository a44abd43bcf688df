"""Take a model package apart without trusting it."""

from __future__ import annotations

from pathlib import Path

from include.contracts.package import (
    SIGNATURE_MEMBER,
    package_sha256,
    read_members,
    unpack_members,
)
from ml.packaging.signature import SIGNATURE, Signature

__all__ = ["package_sha256", "read_package", "read_signature", "unpack_package"]

read_package = read_members


def read_signature(package: Path) -> Signature:
    """Return what a package says of itself, after checking every member.

    Raises:
        ConfigurationError: The package is damaged, see `read_members`.
        DocumentError: Its signature is none, or of a later schema; names the field.
    """
    return SIGNATURE.read(read_members(package)[SIGNATURE_MEMBER], f"{package}, {SIGNATURE_MEMBER}")


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
