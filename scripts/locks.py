"""Read the lock files: what is pinned, and the hashes of its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent

_CONTINUED = re.compile(r" \\\n +")
_PINNED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)(\[.*?\])?(==(?P<version>\S+)| @ (?P<url>\S+))"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock.

    Attributes:
        name: As the lock writes it: small letters, hyphens.
        version: Its release; of one that is pinned by address, that in the wheel's name.
        sha256: Hex digests of the files that may be installed.
        url: The address it is pinned by; None: its release is.
    """

    name: str
    version: str
    sha256: tuple[str, ...]
    url: str | None = None


def read_lock(path: Path) -> Iterator[Locked]:
    """Give the packages of a lock.

    Raises:
        ValueError: A line pins nothing; the message shows it.
    """
    for line in _CONTINUED.sub(" ", path.read_text()).splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        found = _PINNED.match(line)
        left = _HASH.sub("", line[found.end() :]).strip() if found else line
        if found is None or left:
            raise ValueError(f"{path.name}: {line!r} is no pinned package with hashes")
        url = found["url"]
        version = found["version"] or unquote(url).rpartition("/")[2].split("-")[1]
        yield Locked(found["name"], version, tuple(_HASH.findall(line)), url)
