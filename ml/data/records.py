"""The one record type every data set is read into, and its column form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS

NON_EXPRESSIONS: tuple[str, ...] = ("contempt", "unknown", "not_a_face")
"""What annotators could vote for besides the seven expressions."""

VOTE_NAMES: tuple[str, ...] = EXPRESSIONS + NON_EXPRESSIONS
"""Order of the votes in a record."""

NO_VOTES: tuple[int, ...] = (0,) * len(VOTE_NAMES)
"""Votes of a face that nobody labelled."""

ImageArray = npt.NDArray[np.uint8]
VoteArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """One face picture, labelled or not.

    Attributes:
        name: Where it came from, for people (`FER2013Train/fer0000000.png`).
        pixels: uint8, 0 to 255: grey (height, width) or colour (height, width, 3)
            in OpenCV's order, BGR.
        votes: Number of annotators per `VOTE_NAMES` entry; a data set with a
            single label per picture has one vote, an unlabelled face `NO_VOTES`.
        source: The data set's name in `ml.data.datasets.LOADERS`.
        demographics: Gender, race and age group (keys of those names) where the
            data set's release states them, for audits only; else None.
    """

    name: str
    pixels: ImageArray
    votes: tuple[int, ...]
    source: str = "ferplus"
    demographics: Mapping[str, str] | None = None

    @property
    def key(self) -> str:
        """Content hash: the picture's identity in every split manifest."""
        return content_key(self.pixels)


@dataclass(frozen=True, slots=True)
class FaceTable:
    """Records as columns, exact duplicates merged as `tabulate` says.

    Attributes:
        keys: N content hashes of the pictures as they were read, unique.
        images: Grey, uint8, shape (N, side, side).
        votes: int64, shape (N, 10), columns in the order of `VOTE_NAMES`.
        sources: N data set names.
    """

    keys: tuple[str, ...]
    images: ImageArray
    votes: VoteArray
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def select(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> FaceTable:
        """Return the rows picked by an index or boolean array of length N."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return FaceTable(
            keys=tuple(self.keys[i] for i in index),
            images=self.images[index],
            votes=self.votes[index],
            sources=tuple(self.sources[i] for i in index),
        )


def votes_for(label: str, count: int = 1) -> tuple[int, ...]:
    """Return the votes of a picture that has one label of `VOTE_NAMES`."""
    return tuple(count if name == label else 0 for name in VOTE_NAMES)


def content_key(pixels: ImageArray) -> str:
    """Return the sha256 (hex) of the picture's shape and pixels, not of its file."""
    shape = "x".join(str(extent) for extent in pixels.shape)
    digest = hashlib.sha256(f"{shape}:".encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def grey_square(pixels: ImageArray, side_px: int | None = None) -> ImageArray:
    """Return a picture in grey, as a square of `side_px` where that is given.

    A picture that is not square is continued by its edge pixels, never
    stretched: a face keeps its proportions. Area averaging reduces without
    aliasing, cubic interpolation enlarges. Luma weights are those of BT.601.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if pixels.ndim == 3 else pixels
    if side_px is None or grey.shape == (side_px, side_px):
        return np.asarray(grey, np.uint8)
    height, width = grey.shape
    missing_y, missing_x = max(0, width - height), max(0, height - width)
    top, left = missing_y // 2, missing_x // 2
    if missing_x or missing_y:
        grey = cv2.copyMakeBorder(
            grey, top, missing_y - top, left, missing_x - left, cv2.BORDER_REPLICATE
        )
    method = cv2.INTER_AREA if grey.shape[0] > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, (side_px, side_px), interpolation=method), np.uint8)


def tabulate(records: Iterable[FaceRecord], side_px: int | None = None) -> FaceTable:
    """Stack records into columns, one row per distinct picture.

    Records with the same content hash are one picture. Within a data set their
    votes are summed (a set that lists a picture twice asked annotators twice).
    Across sets the votes of the set that comes first stand and the others are
    dropped: FER2013 and FER+ label the very same pictures by different rules, so
    a sum would count no one's opinion. A set without votes never comes first.

    Args:
        records: Pictures, set after set in order of precedence.
        side_px: Side of the stacked pictures; None keeps the one size they have.

    Raises:
        ValueError: No record at all, or pictures of different sizes and no `side_px`.
    """
    position: dict[str, int] = {}
    images: list[ImageArray] = []
    votes: list[VoteArray] = []
    sources: list[str] = []
    for record in records:
        key, cast = record.key, np.array(record.votes, np.int64)
        if key not in position:
            position[key] = len(images)
            images.append(grey_square(record.pixels, side_px))
            votes.append(cast)
            sources.append(record.source)
            continue
        row = position[key]
        if sources[row] == record.source:
            votes[row] = votes[row] + cast
        elif not votes[row].any() and cast.any():
            votes[row], sources[row] = cast, record.source
    if not images:
        raise ValueError("no face picture to tabulate")
    if len({image.shape for image in images}) > 1:
        raise ValueError("pictures of different sizes cannot be stacked: give side_px")
    return FaceTable(tuple(position), np.stack(images), np.stack(votes), tuple(sources))
