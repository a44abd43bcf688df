"""Fetching a model package and unpacking it once per machine."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from include.contracts.attestation import ATTESTATION_FILE, verify
from include.contracts.errors import ConfigurationError, PermanentInputError, TransientError
from include.contracts.package import package_sha256, unpack_members
from include.lake.store import Lake
from include.settings import StorageSettings, TransformSettings

_ARCHIVE = "model.tar.gz"


def model_cache(settings: TransformSettings) -> Path:
    """Where this machine keeps unpacked packages."""
    return (settings.jobs_dir / ".models").resolve()


def unpack_package(
    uri: str, sha256: str, cache_dir: Path, storage: StorageSettings, *, signers: Sequence[str]
) -> Path:
    """Return a folder with the package's members, unpacking them when they are not there yet.

    The folder is named by the package's sha256 and appears by one rename, so
    that any number of jobs may ask for it at once.

    Args:
        uri: `file://` or `s3://` URI of `model.tar.gz`.
        sha256: Hex digest its bytes must have.
        cache_dir: Where unpacked packages are kept.
        storage: Endpoint and region for `s3://`.
        signers: Who may stand for it, as `require_signed`; none: nobody is asked for.

    Raises:
        UnsignedPackageError: As `require_signed`.
        PermanentInputError: The bytes are not the registered ones, or no sealed package.
        TransientError: The package cannot be read at present.
    """
    require_signed(uri, sha256, storage, signers)
    target = cache_dir / sha256
    if target.is_dir():
        return target
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=cache_dir) as scratch:
        archive = Path(scratch) / _ARCHIVE
        _fetch(uri, archive, storage)
        found = package_sha256(archive)
        if found != sha256:
            raise PermanentInputError(
                "model_package_changed",
                f"The model package {uri} has sha256 {found}, registered is {sha256}.",
                "Register the package again; its bytes must never change.",
            )
        try:
            return unpack_members(archive, target)
        except ConfigurationError as error:
            raise PermanentInputError(
                "model_package_unreadable",
                f"The model package {uri} cannot be unpacked: {error.problem}.",
                "Build the package again with `make package`.",
            ) from error


def require_signed(uri: str, sha256: str, storage: StorageSettings, signers: Sequence[str]) -> None:
    """Refuse a package that no signer stands for.

    Args:
        uri: `file://` or `s3://` URI of `model.tar.gz`; its signature lies beside it.
        sha256: Hex digest of the package's bytes.
        storage: Endpoint and region for `s3://`.
        signers: `FEX_MODEL__SIGNERS`; none: nobody is asked for.

    Raises:
        UnsignedPackageError: Nobody signed it, none of the signers did, or they signed
            other bytes.
        TransientError: The signature cannot be read at present.
    """
    if not signers:
        return
    beside = f"{uri.rpartition('/')[0]}/{ATTESTATION_FILE}"
    with tempfile.TemporaryDirectory() as scratch:
        signature = Path(scratch) / ATTESTATION_FILE
        try:
            _copy(beside, signature, storage)
            envelope = json.loads(signature.read_bytes())
        except FileNotFoundError:
            envelope = None
        except (ValueError, RecursionError):
            envelope = {}
        except OSError as error:
            raise TransientError(f"the signature {beside} cannot be read: {error}") from error
    verify(envelope, sha256, signers)


def _fetch(uri: str, destination: Path, storage: StorageSettings) -> None:
    try:
        _copy(uri, destination, storage)
    except OSError as error:
        raise TransientError(f"the model package {uri} cannot be read: {error}") from error


def _copy(uri: str, destination: Path, storage: StorageSettings) -> None:
    """Copy the object at `uri`, which may lie outside the lake, to a local file."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        shutil.copyfile(unquote(parts.path), destination)
        return
    folder, _, name = uri.rpartition("/")
    elsewhere = storage.model_copy(update={"lake_url": folder})
    Lake.open(elsewhere).fetch(name, destination)
