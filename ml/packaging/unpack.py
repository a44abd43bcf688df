"""Take a model package apart without trusting it."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from include.contracts.errors import ConfigurationError
from ml.packaging.build import MEMBERS, SIGNATURE_MEMBER

MAX_MEMBER_BYTES = 512 * 2**20

_SETTING = "model package"


def package_sha256(package: Path) -> str:
    """Return the sha256 (hex) of a file.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        with package.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(_SETTING, f"{package} cannot be read: {error}") from error


def read_package(package: Path) -> dict[str, bytes]:
    """Return the package's members by name, each checked against its sealed sha256.

    Raises:
        ConfigurationError: The archive is damaged, a member is missing, unexpected, too
            large or not the sealed one; the message names the file and the member.
    """
    content: dict[str, bytes] = {}
    try:
        with tarfile.open(package, mode="r:gz") as archive:
            for member in archive:
                content[member.name] = _member(archive, member, package, set(content))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ConfigurationError(_SETTING, f"{package} cannot be read: {error}") from error
    missing = sorted(set(MEMBERS) - content.keys())
    if missing:
        raise ConfigurationError(_SETTING, f"{package} lacks {', '.join(missing)}")
    _check(package, content)
    return content


def read_signature(package: Path) -> dict[str, Any]:
    """Return `signature.json` of a package after checking every member.

    Raises:
        ConfigurationError: As `read_package`.
    """
    signature: dict[str, Any] = json.loads(read_package(package)[SIGNATURE_MEMBER])
    return signature


def unpack_package(package: Path, into_dir: Path) -> Path:
    """Unpack into a new folder under `into_dir`, named by the package's sha256.

    The folder appears by one rename; a folder that is already there is returned.

    Returns:
        The model directory, ready for `PackedModel.open`.

    Raises:
        ConfigurationError: As `read_package`.
    """
    target = into_dir / package_sha256(package)
    if target.is_dir():
        return target
    content = read_package(package)
    into_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=into_dir) as scratch:
        folder = Path(scratch) / "members"
        for name, data in content.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # anything but another process having been faster
                raise
    return target


def _member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, package: Path, seen: set[str]
) -> bytes:
    if member.name not in MEMBERS or not member.isreg() or member.name in seen:
        raise ConfigurationError(_SETTING, f"{package} holds an unexpected member {member.name!r}")
    if member.size > MAX_MEMBER_BYTES:
        raise ConfigurationError(_SETTING, f"{package}: {member.name} is too large")
    file = archive.extractfile(member)
    return file.read() if file is not None else b""


def _check(package: Path, content: dict[str, bytes]) -> None:
    try:
        sealed = dict(json.loads(content[SIGNATURE_MEMBER])["members"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            _SETTING, f"{package}: {SIGNATURE_MEMBER} does not list its members"
        ) from error
    for name in MEMBERS:
        if name == SIGNATURE_MEMBER:
            continue
        if hashlib.sha256(content[name]).hexdigest() != sealed.get(name):
            raise ConfigurationError(_SETTING, f"{package}: {name} is not the sealed one")
