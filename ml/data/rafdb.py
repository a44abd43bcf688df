"""Loader for RAF-DB's basic expressions (Li, Deng and Du 2017), in both layouts.

The mirror on Kaggle sorts the aligned faces by class::

    DATASET/{train,test}/{1..7}/train_00001_aligned.jpg

The original release (folder `basic`) lists the labels and describes each face::

    EmoLabel/list_patition_label.txt          train_00001.jpg 5
    Image/aligned/train_00001_aligned.jpg     100x100 colour
    Annotation/manual/train_00001_manu_attri.txt

The description has five landmark lines, then one line each for gender, race and
age group. They are the release's own annotations: for audits, never an input of
a model. About 40 annotators labelled each face; the release gives their majority,
which is one vote here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ml.data.records import FaceRecord, votes_for
from ml.data.sources import PICTURE_SUFFIXES, DataSource, label_code, open_source

NAME = "rafdb"

CODES: tuple[str, ...] = (
    "surprise",
    "fear",
    "disgust",
    "happiness",
    "sadness",
    "anger",
    "neutral",
)
"""Expressions in the order of the codes 1 to 7."""

PARTS: tuple[str, ...] = ("train", "test")
DEVELOPMENT_PARTS: tuple[str, ...] = ("train",)
"""The official test part is never read by training or model selection."""

LABEL_FILE = "EmoLabel/list_patition_label.txt"
"""Spelt as in the release."""

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
"""Meaning of the codes from 0, in the order of the description's last three lines."""

_LANDMARK_LINES = 5


def load_rafdb(path: Path, *, parts: tuple[str, ...] = DEVELOPMENT_PARTS) -> Iterator[FaceRecord]:
    """Yield the aligned colour faces of RAF-DB, labels as one vote.

    Args:
        path: Folder or zip of either layout, or what wraps its `DATASET` or `basic`.
        parts: `train`, `test` or both.

    Raises:
        ConfigurationError: A folder, label, picture or description is missing or not
            as the layout says; the message names it.
    """
    with open_source(NAME, path) as source:
        for wrapping in ("", "basic/"):
            if source.has(wrapping + LABEL_FILE):
                root = source.below("basic", holding=LABEL_FILE)
                yield from _original(root, parts)
                return
        for part in parts:
            yield from _mirror(source.below("DATASET", holding=part), part)


def _mirror(source: DataSource, part: str) -> Iterator[FaceRecord]:
    for code, label in enumerate(CODES, start=1):
        folder = f"{part}/{code}"
        pictures = [n for n in source.names(folder) if Path(n).suffix.lower() in PICTURE_SUFFIXES]
        if not pictures:
            raise source.error(
                f"{folder} ({label})",
                "is an empty class: it holds no picture",
                "unpack the data set again, completely",
            )
        for name in pictures:
            file = f"{folder}/{name}"
            yield FaceRecord(file, source.picture(file, colour=True), votes_for(label), NAME)


def _original(source: DataSource, parts: tuple[str, ...]) -> Iterator[FaceRecord]:
    described = source.has("Annotation/manual")
    for number, (name, code) in source.rows(LABEL_FILE, delimiter=" ", columns=2):
        where = f"{LABEL_FILE} row {number}"
        stem = Path(name).stem
        part = stem.partition("_")[0]
        if part not in PARTS:
            raise source.error(where, f"names {name!r}", "names start with train_ or test_")
        if part not in parts:
            continue
        label = label_code(source, where, code, CODES, 1)
        file = f"Image/aligned/{stem}_aligned.jpg"
        yield FaceRecord(
            file,
            source.picture(file, colour=True),
            votes_for(label),
            NAME,
            _demographics(source, stem) if described else None,
        )


def _demographics(source: DataSource, stem: str) -> Mapping[str, str]:
    name = f"Annotation/manual/{stem}_manu_attri.txt"
    with source.open(name) as file:
        lines = file.read().decode("utf-8", errors="replace").split("\n")
    codes = [line.strip() for line in lines[_LANDMARK_LINES:] if line.strip()]
    if len(codes) != len(ATTRIBUTES):
        raise source.error(
            name,
            f"has {len(codes)} lines after the five landmarks, not {len(ATTRIBUTES)}",
            "expected: gender, race, age group",
        )
    found = {}
    for (attribute, values), code in zip(ATTRIBUTES.items(), codes, strict=True):
        if not code.isdecimal() or int(code) >= len(values):
            listed = ", ".join(f"{number} {value}" for number, value in enumerate(values))
            raise source.error(name, f"has the {attribute} {code!r}", f"accepted: {listed}")
        found[attribute] = values[int(code)]
    return found
