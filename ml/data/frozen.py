"""A frozen evaluation set: pictures as they were read, with their votes, in one zip.

```
rows.json           name; for each picture its key and votes (order of `VOTE_NAMES`)
images/{key}.png
```

Whoever measures on it later measures on these very pixels. The same rows give the same
bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from include.contracts.documents import Form
from include.contracts.errors import ConfigurationError
from ml.data.records import FaceRecord, VoteArray, content_key

ROWS = "rows.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class FrozenRow:
    """One picture: its content key, and its votes in the order of `VOTE_NAMES`."""

    key: str
    votes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FrozenRows:
    """`rows.json`: what the set is, for people, and its pictures by key."""

    name: str
    rows: tuple[FrozenRow, ...]


FROZEN_ROWS = Form(FrozenRows)


def write_frozen(path: Path, name: str, records: Iterable[FaceRecord]) -> int:
    """Write a set and return how many pictures it has; the same picture is kept once.

    Args:
        path: The zip; replaced.
        name: What the set is, for people.
        records: Pictures; of equal ones the first counts.
    """
    kept = {record.key: record for record in records}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        rows = tuple(FrozenRow(key, kept[key].votes) for key in sorted(kept))
        _add(archive, ROWS, FROZEN_ROWS.write(FrozenRows(name, rows)))
        for key in sorted(kept):
            done, encoded = cv2.imencode(".png", kept[key].pixels)
            if not done:
                raise ConfigurationError(str(path), f"{kept[key].name} cannot be encoded")
            _add(archive, f"images/{key}.png", encoded.tobytes())
    return len(kept)


def read_frozen(content: bytes, where: str) -> tuple[str, list[FaceRecord], VoteArray]:
    """Read a set: its name, its pictures and their votes, shape (N, 10).

    Args:
        content: The zip's bytes.
        where: Its key or path, for messages.

    Raises:
        ConfigurationError: It is damaged, or a picture is not the one that was frozen.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            document = FROZEN_ROWS.read(archive.read(ROWS), ROWS)
            records = [_record(archive, row) for row in document.rows]
    except (zipfile.BadZipFile, KeyError, ValueError, cv2.error) as error:
        raise ConfigurationError(where, f"is no frozen evaluation set: {error}") from error
    votes = np.array([record.votes for record in records], np.int64)
    return document.name, records, votes


def _record(archive: zipfile.ZipFile, row: FrozenRow) -> FaceRecord:
    name = f"images/{row.key}.png"
    data = np.frombuffer(archive.read(name), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or content_key(np.asarray(pixels, np.uint8)) != row.key:
        raise ValueError(f"{name} is not the picture of that name")
    return FaceRecord(name, np.asarray(pixels, np.uint8), row.votes, "frozen")


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
