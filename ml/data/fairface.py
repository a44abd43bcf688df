"""Loader for FairFace (Karkkainen and Joo 2021) as faces without expression labels.

`images/` holds colour faces, `labels.csv` has `file,age,gender,race` as annotators
perceived them. Perceived gender and race are not read at all. The age band is
handed out by `load_fairface_ages` alone, as the pretext task of pre-training; no
record carries it and no shipped model answers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ml.data.records import NO_VOTES, FaceRecord
from ml.data.sources import open_source

NAME = "fairface"
LABEL_FILE = "labels.csv"

AGE_BANDS: tuple[str, ...] = (
    "0-2",
    "3-9",
    "10-19",
    "20-29",
    "30-39",
    "40-49",
    "50-59",
    "60-69",
    "more than 70",
)
"""Perceived age in years, youngest first."""


def load_fairface(path: Path) -> Iterator[FaceRecord]:
    """Yield the faces of FairFace in colour, unlabelled.

    Args:
        path: Folder or zip with `labels.csv` and `images/`.

    Raises:
        ConfigurationError: A file is missing or a row is malformed; the message names it.
    """
    for record, _ in load_fairface_ages(path):
        yield record


def load_fairface_ages(path: Path) -> Iterator[tuple[FaceRecord, str]]:
    """Yield each face with its perceived age band, one of `AGE_BANDS`.

    For pre-training only (see the module's text).

    Raises:
        ConfigurationError: As `load_fairface`, or an age band is unknown.
    """
    with open_source(NAME, path) as source:
        for number, row in source.table(LABEL_FILE, ("file", "age")):
            if row["age"] not in AGE_BANDS:
                raise source.error(
                    f"{LABEL_FILE} row {number}",
                    f"has the unknown age band {row['age']!r}",
                    f"accepted: {', '.join(AGE_BANDS)}",
                )
            name = f"images/{row['file']}"
            pixels = source.picture(name, colour=True)
            yield FaceRecord(name, pixels, NO_VOTES, NAME), row["age"]
