"""Copies of one photograph cut a few pixels apart, which whole-picture correlation misses.

FER2013 was collected by searching the web with many words: the same photograph was
found again and again and its face cut anew each time. Candidates are pairs that
correlate at 8x8 pixels, mirrored or not; confirmed is a pair where the middle of one
picture is found in the other (normalised cross-correlation by template matching, Lewis
1995). Copies at another scale are not found: what is counted is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from ml.data.duplicates import COMPARED_SIDE_PX
from ml.data.records import FaceTable, ImageArray
from ml.data.splits import SplitManifest

MIN_CORRELATION = 0.93
"""Of the middle of one picture within the other. Looked through by eye on FER+: from
0.92 nearly every pair is one photograph, below 0.90 strangers begin."""
MAX_SHIFT_PX = 5
"""At 48 pixels a side: what the middle leaves around it."""

_COARSE_SIDE_PX = 8
_COARSE_CORRELATION = 0.84
_BLOCK = 1024
_Rows = npt.NDArray[np.int64]


def copies_across(images: ImageArray, sides: npt.NDArray[np.str_]) -> list[tuple[int, int]]:
    """Return pairs of rows on different sides that show one photograph.

    Args:
        images: uint8, shape (N, side, side).
        sides: (N,) split of each picture; rows with an empty text are not compared.
    """
    size = (COMPARED_SIDE_PX, COMPARED_SIDE_PX)
    if images.shape[1:] != size:
        images = np.stack([cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in images])
    middle = slice(MAX_SHIFT_PX, COMPARED_SIDE_PX - MAX_SHIFT_PX)
    found = set()
    for mirrored in (images, np.ascontiguousarray(images[:, :, ::-1])):
        for first, second in _candidates(images, mirrored, sides):
            scores = cv2.matchTemplate(
                mirrored[second], images[first][middle, middle], cv2.TM_CCOEFF_NORMED
            )
            if scores.max() >= MIN_CORRELATION:
                found.add((first, second))
    return sorted(found)


def tainted(pairs: list[tuple[int, int]], sides: npt.NDArray[np.str_]) -> _Rows:
    """Return the rows to leave out so that none of the pairs lies on two sides, ascending.

    Training pictures stay, so that a model trained on the split remains one that has seen
    nothing of what is left to test it. Between validation and test, validation gives way.
    """
    rank = {"train": 0, "test": 1, "validation": 2}
    rows = {max(pair, key=lambda row: rank[str(sides[row])]) for pair in pairs}
    return np.array(sorted(rows), np.int64)


def drop_copies_across(manifest: SplitManifest, table: FaceTable) -> SplitManifest:
    """Return the manifest without the held-out pictures that copy one on another side."""
    sides, short = manifest.sides(table), manifest.short_keys(table)
    dropped = {short[row] for row in tainted(copies_across(table.images, sides), sides)}
    kept = [key for key in manifest.split_of if key not in dropped]
    return SplitManifest(
        {key: manifest.split_of[key] for key in kept},
        {key: manifest.group_of[key] for key in kept},
    )


def _candidates(
    images: ImageArray, other: ImageArray, sides: npt.NDArray[np.str_]
) -> Iterator[tuple[int, int]]:
    """Yield (row, later row) on different sides that look alike at a glance."""
    coarse, other_coarse = _coarse(images), _coarse(other)
    for start in range(0, len(images), _BLOCK):
        stop = start + _BLOCK
        alike = coarse[start:stop] @ other_coarse[start:].T >= _COARSE_CORRELATION
        row, column = np.divmod(np.flatnonzero(alike), alike.shape[1])
        row, column = row + start, column + start
        wanted = (column > row) & (sides[row] != sides[column])
        wanted &= (sides[row] != "") & (sides[column] != "")
        yield from zip(row[wanted].tolist(), column[wanted].tolist(), strict=True)


def _coarse(images: ImageArray) -> npt.NDArray[np.float32]:
    size = (_COARSE_SIDE_PX, _COARSE_SIDE_PX)
    small = np.stack([cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in images])
    flat = small.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    return flat
