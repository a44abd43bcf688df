"""Handing votes to training: the folder that `ml.data.annotations` reads.

The table is a function of the votes alone: made anew from all answers whenever some arrive,
it cannot fall out of step with them, and making it twice changes nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from include.labelling.exports import ANSWERED_AT
from include.labelling.tasks import picture_name
from include.labelling.votes import Vote
from ml.data.annotations import COLUMNS, IMAGE_FOLDER, LABEL_FILE

__all__ = ["IMAGE_FOLDER", "LABEL_FILE", "label_table", "picture_file"]


def picture_file(row_id: str) -> str:
    """Return the name of a face's picture below `IMAGE_FOLDER`.

    Raises:
        ValueError: The row id is no plain file name.
    """
    name = picture_name(row_id)
    if PurePosixPath(name).name != name or "\\" in name:
        raise ValueError(f"row id {row_id!r} is no file name")
    return name


def label_table(votes: Iterable[Vote], pictures: Collection[str]) -> bytes:
    """Return `labels.csv`.

    Args:
        votes: One per person and face, from `votes.latest`.
        pictures: Row ids whose picture is in the folder; a row without a picture is an
            error to training, so votes on others are left out.

    Raises:
        ValueError: A row id is no plain file name.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, ANSWERED_AT))
    for vote in votes:
        if vote.row_id in pictures:
            answered_at = vote.answered_at.isoformat() if vote.answered_at else ""
            writer.writerow((picture_file(vote.row_id), vote.annotator, vote.label, answered_at))
    return text.getvalue().encode()
