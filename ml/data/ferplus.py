"""Loader for FER+ (Barsoum et al. 2016) in the layout of microsoft/FERPlus.

Each of `FER2013Train`, `FER2013Valid` (and `FER2013Test` where present) holds
48x48 grey PNG files and a `label.csv` without header: file name, box, then ten
vote counts (neutral, happiness, surprise, sadness, anger, disgust, fear,
contempt, unknown, not-a-face). Folders and the zip of them are read alike.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from include.contracts.errors import ConfigurationError
from ml.data.records import VOTE_NAMES, FaceRecord, ImageArray

FILE_ORDER: tuple[str, ...] = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "not_a_face",
)
"""Columns of `label.csv` after file name and box."""

DEVELOPMENT_PARTS: tuple[str, ...] = ("FER2013Train", "FER2013Valid")
"""The official test part is never read by training or model selection."""

_COLUMN_OF = tuple(FILE_ORDER.index(name) for name in VOTE_NAMES)


class _Source(Protocol):
    def read(self, name: str) -> bytes: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def read(self, name: str) -> bytes:
        return self._archive.read(name)


def load_ferplus(path: Path, *, parts: tuple[str, ...] = DEVELOPMENT_PARTS) -> Iterator[FaceRecord]:
    """Yield every labelled picture of FER+, votes kept as they were cast.

    Args:
        path: The folder that holds the parts, or a zip of it.
        parts: Which parts to read, in order.

    Raises:
        ConfigurationError: The path, a part, a row or a picture is not as the
            layout says; the message names it.
    """
    if path.is_dir():
        yield from _read_parts(_Folder(path), path, parts)
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from _read_parts(_Zip(archive), path, parts)
    else:
        raise ConfigurationError("--data", f"{path} is neither a folder nor a zip of FER+")


def _read_parts(source: _Source, path: Path, parts: tuple[str, ...]) -> Iterator[FaceRecord]:
    for part in parts:
        try:
            text = source.read(f"{part}/label.csv").decode("utf-8")
        except (KeyError, FileNotFoundError) as error:
            raise ConfigurationError("--data", f"{path} has no {part}/label.csv") from error
        for number, row in enumerate(csv.reader(io.StringIO(text)), start=1):
            yield _record(source, part, number, row)


def _record(source: _Source, part: str, number: int, row: list[str]) -> FaceRecord:
    if len(row) != 2 + len(FILE_ORDER):
        raise ConfigurationError(
            "--data", f"{part}/label.csv row {number} has {len(row)} columns, not 12"
        )
    name = f"{part}/{row[0]}"
    counts = [int(cell) for cell in row[2:]]
    try:
        data = source.read(name)
    except (KeyError, FileNotFoundError) as error:
        raise ConfigurationError("--data", f"{name} is in label.csv but not there") from error
    return FaceRecord(name, _decode(name, data), tuple(counts[column] for column in _COLUMN_OF))


def _decode(name: str, data: bytes) -> ImageArray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ConfigurationError("--data", f"{name} is not a picture")
    return np.asarray(picture, np.uint8)
