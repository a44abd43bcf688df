"""The model package as an archive: what anybody may take out of one without trusting it.

A package is a gzipped tar. `signature.json` lists every other member with its sha256;
what is not listed, not a plain file or not the sealed bytes makes the whole package
damaged. Nothing is written before everything was checked.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from include.contracts.errors import ConfigurationError

CODE_MEMBER = "code/inference.py"
SIGNATURE_MEMBER = "signature.json"

MAX_MEMBER_BYTES = 512 * 2**20
MAX_MEMBERS = 64

_SETTING = "model package"
_NO_LIST = f"{SIGNATURE_MEMBER} does not list its members"
_NAME = re.compile(r"(code/)?[A-Za-z0-9_][A-Za-z0-9_.-]*")


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


def read_members(package: Path) -> dict[str, bytes]:
    """Return the package's members by name, each checked against its sealed sha256.

    Raises:
        ConfigurationError: The archive is damaged, or a member is missing, unexpected,
            too large or not the sealed one; the message names the file and the member.
    """
    content: dict[str, bytes] = {}
    try:
        with tarfile.open(package, mode="r:gz") as archive:
            for member in archive:
                content[member.name] = _member(archive, member, package, content)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ConfigurationError(_SETTING, f"{package} cannot be read: {error}") from error
    _check(package, content)
    return content


def unpack_members(package: Path, target: Path) -> Path:
    """Write the checked members into the folder `target`, which appears by one rename.

    A folder that another process put there meanwhile is left as it is.

    Returns:
        `target`.

    Raises:
        ConfigurationError: As `read_members`.
    """
    content = read_members(package)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=target.parent) as scratch:
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
    archive: tarfile.TarFile, member: tarfile.TarInfo, package: Path, seen: Mapping[str, bytes]
) -> bytes:
    expected = _NAME.fullmatch(member.name) and member.isreg() and member.name not in seen
    if not expected or len(seen) >= MAX_MEMBERS:
        raise ConfigurationError(_SETTING, f"{package} holds an unexpected member {member.name!r}")
    if member.size > MAX_MEMBER_BYTES:
        raise ConfigurationError(_SETTING, f"{package}: {member.name} is too large")
    file = archive.extractfile(member)
    return file.read() if file is not None else b""


def _check(package: Path, content: Mapping[str, bytes]) -> None:
    if SIGNATURE_MEMBER not in content:
        raise ConfigurationError(_SETTING, f"{package} lacks {SIGNATURE_MEMBER}")
    try:
        sealed = dict(json.loads(content[SIGNATURE_MEMBER])["members"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(_SETTING, f"{package}: {_NO_LIST}") from error
    if not all(isinstance(one, str) for pair in sealed.items() for one in pair):
        raise ConfigurationError(_SETTING, f"{package}: {_NO_LIST}")
    missing = sorted({CODE_MEMBER, *sealed} - content.keys())
    if missing:
        raise ConfigurationError(_SETTING, f"{package} lacks {', '.join(missing)}")
    for name in content.keys() - {SIGNATURE_MEMBER}:
        if name not in sealed:
            raise ConfigurationError(_SETTING, f"{package} holds an unexpected member {name!r}")
        if hashlib.sha256(content[name]).hexdigest() != sealed[name]:
            raise ConfigurationError(_SETTING, f"{package}: {name} is not the sealed one")
