"""Handing votes to training: the folder that `ml.data.annotations` reads."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from include.labelling.tasks import picture_name
from include.labelling.votes import Vote
from ml.data.annotations import COLUMNS, IMAGE_FOLDER, LABEL_FILE


@dataclass(frozen=True, slots=True)
class Handover:
    """What was added.

    Attributes:
        rows_added: New rows of the label file; answers it held already are not repeated.
        without_picture: Row ids whose crop is gone, for instance erased, sorted; their
            votes are left out.
    """

    rows_added: int
    without_picture: tuple[str, ...]


def add_to_folder(
    folder: Path, votes: Iterable[Vote], picture: Callable[[str], bytes | None]
) -> Handover:
    """Add votes and their pictures; safe to repeat.

    Pictures are written before the label file, which is replaced in one step: a reader
    never sees a row without its picture.

    Args:
        folder: Made when it is not there.
        votes: What `exports.read_answers` returned.
        picture: Returns the crop (JPEG) of a row id as it was shown, or None.

    Raises:
        ValueError: A row id is no plain file name.
        OSError: The folder cannot be written.
    """
    images = folder / IMAGE_FOLDER
    images.mkdir(parents=True, exist_ok=True)
    label_file = folder / LABEL_FILE
    before = label_file.read_text("utf-8") if label_file.exists() else ",".join(COLUMNS) + "\n"
    known = {
        (row["file"], row["annotator"]): row["label"]
        for row in csv.DictReader(io.StringIO(before, newline=""))
    }
    rows: list[tuple[str, str, str]] = []
    gone: set[str] = set()
    for vote in votes:
        name = picture_name(vote.row_id)
        if Path(name).name != name or "\\" in name:
            raise ValueError(f"row id {vote.row_id!r} is no file name")
        if known.get((name, vote.annotator)) == vote.label:
            continue
        if not _keep_picture(images / name, vote.row_id, picture):
            gone.add(vote.row_id)
            continue
        rows.append((name, vote.annotator, vote.label))
    if rows or not label_file.exists():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        separator = "" if before.endswith("\n") else "\n"
        _replace(label_file, (before + separator + text.getvalue()).encode())
    return Handover(len(rows), tuple(sorted(gone)))


def _keep_picture(path: Path, row_id: str, picture: Callable[[str], bytes | None]) -> bool:
    if path.exists():
        return True
    content = picture(row_id)
    if content is None:
        return False
    _replace(path, content)
    return True


def _replace(path: Path, content: bytes) -> None:
    """Write beside, then rename: readers see the old bytes or the new ones."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
