"""The one record type every data set is read into, and its column form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS

NON_EXPRESSIONS: tuple[str, ...] = ("contempt", "unknown", "not_a_face")
"""What annotators could vote for besides the seven expressions."""

VOTE_NAMES: tuple[str, ...] = EXPRESSIONS + NON_EXPRESSIONS
"""Order of the votes in a record."""

ImageArray = npt.NDArray[np.uint8]
VoteArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """One labelled face picture.

    Attributes:
        name: Where it came from, for people (`FER2013Train/fer0000000.png`).
        pixels: Grey picture, uint8, shape (height, width), 0 to 255.
        votes: Number of annotators per `VOTE_NAMES` entry; a data set with a
            single label per picture has one vote.
    """

    name: str
    pixels: ImageArray
    votes: tuple[int, ...]

    @property
    def key(self) -> str:
        """Content hash: the picture's identity in every split manifest."""
        return content_key(self.pixels)


@dataclass(frozen=True, slots=True)
class FaceTable:
    """Records as columns, exact duplicates merged (their votes are summed).

    Attributes:
        keys: N content hashes, unique.
        images: uint8, shape (N, side, side).
        votes: int64, shape (N, 10), columns in the order of `VOTE_NAMES`.
    """

    keys: tuple[str, ...]
    images: ImageArray
    votes: VoteArray

    def __len__(self) -> int:
        return len(self.keys)

    def select(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> FaceTable:
        """Return the rows picked by an index or boolean array of length N."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return FaceTable(
            keys=tuple(self.keys[i] for i in index),
            images=self.images[index],
            votes=self.votes[index],
        )


def content_key(pixels: ImageArray) -> str:
    """Return the sha256 (hex) of the picture's shape and pixels, not of its file."""
    digest = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}:".encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def tabulate(records: Iterable[FaceRecord]) -> FaceTable:
    """Stack records of one picture size into columns.

    Raises:
        ValueError: No record at all, or pictures of different sizes.
    """
    position: dict[str, int] = {}
    images: list[ImageArray] = []
    votes: list[npt.NDArray[np.int64]] = []
    for record in records:
        key = record.key
        if key in position:
            votes[position[key]] = votes[position[key]] + np.array(record.votes, np.int64)
            continue
        position[key] = len(images)
        images.append(record.pixels)
        votes.append(np.array(record.votes, np.int64))
    if not images:
        raise ValueError("no labelled picture to tabulate")
    if len({image.shape for image in images}) > 1:
        raise ValueError("pictures of different sizes cannot be stacked")
    return FaceTable(tuple(position), np.stack(images), np.stack(votes))
