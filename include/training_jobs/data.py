"""The data of a training job in the lake: files, and last a `bundle.json` that seals them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from include.contracts.errors import TransientError

if TYPE_CHECKING:
    from include.lake.store import Lake

SEAL = "bundle.json"


def store_data(lake: Lake, prefix: str, folder: Path) -> str:
    """Put every file of a folder under a prefix, the seal last; return the seal's sha256.

    Raises:
        TransientError: The store failed for now.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SEAL)
    seal = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for path in files:
        lake.put_file(f"{prefix}/{path.name}", path)
    content = json.dumps(seal, indent=1, sort_keys=True).encode()
    lake.put_bytes(f"{prefix}/{SEAL}", content)
    return hashlib.sha256(content).hexdigest()


def sealed_data(lake: Lake, prefix: str) -> str | None:
    """Return the sha256 of the seal under a prefix, None where the data is not complete.

    Raises:
        TransientError: The store failed for now.
    """
    try:
        return hashlib.sha256(lake.get_bytes(f"{prefix}/{SEAL}")).hexdigest()
    except FileNotFoundError:
        return None


def fetch_data(lake: Lake, prefix: str, sha256: str, into: Path) -> Path:
    """Copy sealed data to a folder and check every file; return the folder.

    A folder that is there is complete and of the same seal, or it is made anew.

    Raises:
        TransientError: The data is gone, or is not what the seal says.
    """
    try:
        content = lake.get_bytes(f"{prefix}/{SEAL}")
    except FileNotFoundError as error:
        raise TransientError(f"{prefix!r} is not complete") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise TransientError(f"{prefix!r} holds other data than the job was made for")
    if (into / SEAL).is_file() and (into / SEAL).read_bytes() == content:
        return into
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for name, expected in json.loads(content).items():
        found = lake.fetch(f"{prefix}/{name}", into / name)
        if found != expected:
            raise TransientError(f"{prefix}/{name} is damaged: sha256 {found}")
    (into / SEAL).write_bytes(content)
    return into
