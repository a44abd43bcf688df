"""Loader for FER2013 (Goodfellow et al. 2013): one CSV of 48x48 grey pictures.

`fer2013.csv` has a header `emotion,pixels,Usage`: a code from 0 to 6, 2,304 grey
values parted by spaces, and the part. The annotators' single label is one vote.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ml.data.records import FaceRecord, ImageArray, votes_for
from ml.data.sources import DataSource, label_code, open_source

NAME = "fer2013"
FILE = "fer2013.csv"
SIDE_PX = 48

CODES: tuple[str, ...] = (
    "anger",
    "disgust",
    "fear",
    "happiness",
    "sadness",
    "surprise",
    "neutral",
)
"""Expressions in the order of the codes 0 to 6, shared with ExpW."""

PARTS: tuple[str, ...] = ("Training", "PublicTest", "PrivateTest")
DEVELOPMENT_PARTS: tuple[str, ...] = ("Training",)
"""PrivateTest holds the pictures of FER+'s official test part, PublicTest those of
its validation part: neither trains anything unless it is asked for by name."""


def load_fer2013(path: Path, *, parts: tuple[str, ...] = DEVELOPMENT_PARTS) -> Iterator[FaceRecord]:
    """Yield the pictures of FER2013, row by row.

    Args:
        path: `fer2013.csv` itself, or the folder or zip that holds it.
        parts: Values of `Usage` to read.

    Raises:
        ConfigurationError: The path or a row is not as the layout says; the message
            names it.
    """
    single = path.suffix.lower() == ".csv" and path.is_file()
    with open_source(NAME, path.parent if single else path) as source:
        if single:
            yield from _read(source, path.name, parts)
        else:
            yield from _read(source.below("fer2013", holding=FILE), FILE, parts)


def _read(source: DataSource, file: str, parts: tuple[str, ...]) -> Iterator[FaceRecord]:
    for number, row in source.table(file, ("emotion", "pixels", "Usage")):
        where = f"{file} row {number}"
        if row["Usage"] not in PARTS:
            raise source.error(
                where, f"has the Usage {row['Usage']!r}", f"accepted: {', '.join(PARTS)}"
            )
        if row["Usage"] not in parts:
            continue
        label = label_code(source, where, row["emotion"], CODES, 0)
        yield FaceRecord(where, _pixels(source, where, row["pixels"]), votes_for(label), NAME)


def _pixels(source: DataSource, where: str, text: str) -> ImageArray:
    try:
        values = bytes(map(int, text.split()))
    except ValueError as error:
        raise source.error(
            where,
            f"has a pixel that is not a whole number from 0 to 255 ({error})",
            "fetch it again",
        ) from error
    if len(values) != SIDE_PX**2:
        raise source.error(
            where,
            f"has {len(values)} pixels, not {SIDE_PX**2}",
            "the file was cut short or edited: fetch it again",
        )
    return np.frombuffer(values, np.uint8).reshape(SIDE_PX, SIDE_PX)
