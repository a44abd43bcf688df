"""Loader for FER+ (Barsoum et al. 2016) in the layout of microsoft/FERPlus.

Each of `FER2013Train`, `FER2013Valid` (and `FER2013Test` where present) holds
48x48 grey PNG files and a `label.csv` without header: file name, box, then ten
vote counts (neutral, happiness, surprise, sadness, anger, disgust, fear,
contempt, unknown, not-a-face). Folders and the zip of them are read alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ml.data.records import VOTE_NAMES, FaceRecord
from ml.data.sources import DataSource, open_source

NAME = "ferplus"

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


def load_ferplus(path: Path, *, parts: tuple[str, ...] = DEVELOPMENT_PARTS) -> Iterator[FaceRecord]:
    """Yield every labelled picture of FER+, votes kept as they were cast.

    Args:
        path: The folder that holds the parts, or a zip of it.
        parts: Which parts to read, in order.

    Raises:
        ConfigurationError: The path, a part, a row or a picture is not as the
            layout says; the message names it.
    """
    with open_source(NAME, path) as source:
        for part in parts:
            sheet = f"{part}/label.csv"
            for number, row in source.rows(sheet, columns=2 + len(FILE_ORDER)):
                name = f"{part}/{row[0]}"
                votes = _votes(source, f"{sheet} row {number}", row[2:])
                yield FaceRecord(name, source.picture(name), votes, NAME)


def _votes(source: DataSource, where: str, cells: list[str]) -> tuple[int, ...]:
    for cell in cells:
        if not cell.strip().isdecimal():
            raise source.error(
                where, f"has the vote count {cell!r}", "counts are whole numbers from 0"
            )
    return tuple(int(cells[column]) for column in _COLUMN_OF)
