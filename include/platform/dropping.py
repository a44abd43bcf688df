"""Dropping recordings into the lake as a marketer would, and following them in the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from include.contracts.errors import ConfigurationError, PlatformError
from include.contracts.study_names import Role, role
from include.lake import keys
from include.lake.store import Lake
from include.ledger.ledger import FINAL, Ledger, Recording
from include.settings import StorageSettings


class NothingToDropError(PlatformError):
    """There is no file to analyse at the given path."""


def local_lake(lake_url: str) -> Path:
    """Return the folder of a lake on this machine.

    Raises:
        ConfigurationError: The lake is not a local folder.
    """
    url = urlsplit(lake_url)
    if url.scheme != "file":
        raise ConfigurationError(
            "FEX_STORAGE__LAKE_URL", "the demo drops files into a local lake, file:///folder"
        )
    return Path(unquote(url.path))


def drop(source: Path, lake: Path, study: str) -> list[Path]:
    """Copy a file, or all files of a folder, under `incoming/{study}`.

    Each file is copied beside `incoming` and then renamed into it: whoever
    lists the folder never sees a file that still grows.

    Returns:
        Where the recordings are now; study files are dropped too and not returned.

    Raises:
        NothingToDropError: There is no file at the path.
    """
    files = _files(source)
    target = lake / keys.INCOMING / study
    dropped = []
    with TemporaryDirectory(prefix=".dropping-", dir=lake) as aside:
        for number, (path, name) in enumerate(files):
            copy = Path(aside) / str(number)
            shutil.copyfile(path, copy)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            copy.replace(target / name)
            if role(f"{study}/{name.as_posix()}") is Role.RECORDING:
                dropped.append(target / name)
    if not dropped:
        raise NothingToDropError(f"There is no recording at {source}.")
    return dropped


def _files(source: Path) -> list[tuple[Path, Path]]:
    """Return each file and its name in the study."""
    if source.is_file():
        return [(source, Path(source.name))]
    found = sorted(path for path in source.rglob("*") if path.is_file())
    if not found:
        raise NothingToDropError(f"There is no file at {source}.")
    return [(path, path.relative_to(source)) for path in found]


class Followed:
    """The ledger's rows of what was dropped.

    Args:
        lake_url: The lake.
        ledger_url: The ledger.
        dropped: Files under the lake's `incoming`.
    """

    def __init__(self, *, lake_url: str, ledger_url: str, dropped: Sequence[Path]) -> None:
        self._ledger = Ledger.open(ledger_url)
        uris = {path.resolve().as_uri() for path in dropped}
        lake = Lake.open(StorageSettings(lake_url=lake_url))
        self._versions = {
            found.uri: found.version for found in lake.list_incoming() if found.uri in uris
        }

    @property
    def count(self) -> int:
        """How many recordings were dropped."""
        return len(self._versions)

    def rows(self) -> list[Recording]:
        """Return the rows of exactly the versions that were dropped, in the order of their keys."""
        found = self._ledger.versions_of(self._versions)
        mine = [row for row in found if row.version == self._versions[row.uri]]
        return sorted(mine, key=lambda row: row.key)

    def unfinished(self, rows: Sequence[Recording]) -> int:
        """Return how many recordings have not reached an end."""
        return self.count - sum(row.state in FINAL for row in rows)
