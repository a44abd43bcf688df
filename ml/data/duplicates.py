"""Near-duplicate pictures: found by perceptual hash, confirmed by correlation.

The hash is a 64-bit difference hash (dHash, N. Krawetz 2013): the picture is
reduced to 9x8 and each bit says whether a pixel is darker than its right
neighbour. Pairs within `MAX_DISTANCE` bits, mirrored or not, are candidates;
those whose pixels correlate at least `MIN_CORRELATION` are the same picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ml.data.records import ImageArray

MAX_DISTANCE = 10
"""Bits of 64. On FER+ confirmed pairs thin out well below it."""
MIN_CORRELATION = 0.90
"""Pearson correlation of the pixels. Distinct FER+ faces rarely exceed 0.85."""

_BLOCK = 512
_Hashes = npt.NDArray[np.uint64]


def difference_hash(images: ImageArray) -> _Hashes:
    """Return one 64-bit dHash per picture of a (N, height, width) array."""
    small = np.stack([cv2.resize(i, (9, 8), interpolation=cv2.INTER_AREA) for i in images])
    bits = (small[:, :, 1:] > small[:, :, :-1]).reshape(len(images), 64)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def near_duplicate_groups(images: ImageArray) -> npt.NDArray[np.int64]:
    """Return a group number per picture, shape (N,); equal means near-duplicate.

    Groups are transitive (union-find) and numbered by their first member.
    """
    parent = np.arange(len(images), dtype=np.int64)
    for first, second in _pairs(images):
        low, high = sorted((_root(parent, first), _root(parent, second)))
        parent[high] = low
    return np.array([_root(parent, i) for i in range(len(images))], np.int64)


def _root(parent: npt.NDArray[np.int64], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = int(parent[node])
    return node


def _pairs(images: ImageArray) -> list[tuple[int, int]]:
    hashes = difference_hash(images)
    flat = _standardised(images)
    mirrored = np.ascontiguousarray(images[:, :, ::-1])
    pairs: list[tuple[int, int]] = []
    for other_images, other_hashes in ((images, hashes), (mirrored, difference_hash(mirrored))):
        other_flat = flat if other_images is images else _standardised(mirrored)
        for start in range(0, len(images), _BLOCK):
            distance = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ other_hashes[start:])
            row, column = np.nonzero(distance <= MAX_DISTANCE)
            later = column > row
            row, column = row[later] + start, column[later] + start
            close = np.einsum("ij,ij->i", flat[row], other_flat[column]) >= MIN_CORRELATION
            pairs.extend(zip(row[close].tolist(), column[close].tolist(), strict=True))
    return pairs


def _standardised(images: ImageArray) -> npt.NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    return flat
