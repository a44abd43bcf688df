"""Near-duplicate pictures: found by perceptual hash, confirmed by correlation.

The hash is a 64-bit difference hash (dHash, N. Krawetz 2013): the picture is
reduced to 9x8 and each bit says whether a pixel is darker than its right
neighbour. Pairs within `MAX_DISTANCE` bits, mirrored or not, are candidates;
those whose pixels correlate at least `MIN_CORRELATION` are the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from ml.data.records import ImageArray

MAX_DISTANCE = 10
"""Bits of 64. On FER+ confirmed pairs thin out well below it."""
MIN_CORRELATION = 0.90
"""Pearson correlation of the pixels. Distinct FER+ faces rarely exceed 0.85."""

COMPARED_SIDE_PX = 48
"""Larger pictures are compared at this size, so that sets of any size can be."""

_TILE = (128, 4096)
"""Rows and columns of hashes compared at once: what stays in the processor's cache."""
_Hashes = npt.NDArray[np.uint64]
_Rows = npt.NDArray[np.int64]


def difference_hash(images: ImageArray) -> _Hashes:
    """Return one 64-bit dHash per picture of a (N, height, width) array."""
    small = np.stack([cv2.resize(i, (9, 8), interpolation=cv2.INTER_AREA) for i in images])
    bits = (small[:, :, 1:] > small[:, :, :-1]).reshape(len(images), 64)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def near_duplicate_groups(images: ImageArray) -> _Rows:
    """Return a group number per picture, shape (N,); equal means near-duplicate.

    Groups are transitive (union-find) and numbered by their first member.
    """
    images = _comparable(images)
    parent = np.arange(len(images), dtype=np.int64)
    for first, second in _pairs(images):
        low, high = sorted((_root(parent, first), _root(parent, second)))
        parent[high] = low
    return np.array([_root(parent, i) for i in range(len(images))], np.int64)


def _comparable(images: ImageArray) -> ImageArray:
    if max(images.shape[1:]) <= COMPARED_SIDE_PX:
        return images
    size = (COMPARED_SIDE_PX, COMPARED_SIDE_PX)
    return np.stack([cv2.resize(i, size, interpolation=cv2.INTER_AREA) for i in images])


def _root(parent: _Rows, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = int(parent[node])
    return node


def _pairs(images: ImageArray) -> Iterator[tuple[int, int]]:
    hashes, flat = difference_hash(images), _standardised(images)
    mirrored = np.ascontiguousarray(images[:, :, ::-1])
    for other_hashes, other_flat in (
        (hashes, flat),
        (difference_hash(mirrored), _standardised(mirrored)),
    ):
        for row, column in _candidates(hashes, other_hashes):
            close = np.einsum("ij,ij->i", flat[row], other_flat[column]) >= MIN_CORRELATION
            yield from zip(row[close].tolist(), column[close].tolist(), strict=True)


def _candidates(hashes: _Hashes, other: _Hashes) -> Iterator[tuple[_Rows, _Rows]]:
    """Yield pairs (row, later column) whose hashes are close, a tile at a time."""
    height, width = _TILE
    for top in range(0, len(hashes), height):
        for left in range(top, len(hashes), width):
            tile = hashes[top : top + height, None] ^ other[None, left : left + width]
            close = np.flatnonzero(np.bitwise_count(tile) <= MAX_DISTANCE)
            row, column = np.divmod(close, tile.shape[1])
            row, column = row + top, column + left
            later = column > row
            yield row[later], column[later]


def _standardised(images: ImageArray) -> npt.NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    return flat
