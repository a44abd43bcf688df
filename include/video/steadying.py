"""How the camera moved between two pictures, read from the background alone.

Gauss-Newton on the grey levels (Lucas and Kanade, "An iterative image registration technique
with an application to stereo vision", IJCAI 1981) for shift, turn, zoom and a change of light,
from coarse to fine. Unlike corners or phase, this works on a wall that is nearly even: every
pixel of the background adds its little.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Motion = npt.NDArray[np.float64]
"""2 x 3: where a point (x, y, 1) of the later picture lies in the earlier one, pixels."""

_LEVELS = (8, 4)
"""Parts of the pictures' size at which the motion is fitted, the coarsest first."""
_STEPS = 3
_ENOUGH_PX = 0.05
_AT_REST_PX = 0.25
"""A camera that moved a point at the edge by less than this did not move."""
_LEAST_PIXELS = 24
_OUTLIER = 3.0
"""Differences beyond this many times the median do not count: something else moved there."""
_SIDE_MIN = 8
_SHIFT_MAX_SHARE, _ZOOM_MAX, _TURN_MAX = 0.2, 0.1, 0.1


def camera_motion(before: Grey, now: Grey, background: Mask) -> Motion | None:
    """Return the camera's motion, None where it did not move or the background does not tell.

    Args:
        before: The earlier picture, grey levels.
        now: The later one, of the same size.
        background: True where nothing moves by itself.
    """
    # Shift x and y in full pixels, and a, b of [[1 + a, -b], [b, 1 + a]] about the middle.
    found = np.zeros(4)
    edge = np.array([1.0, 1.0, max(now.shape) / 2, max(now.shape) / 2])
    for part in _LEVELS:
        size = (now.shape[1] // part, now.shape[0] // part)
        if min(size) < _SIDE_MIN:
            continue
        shrunk = _shrunk(before, size), _shrunk(now, size)
        use = _shrunk(background.astype(np.float32), size) > 0.99
        for _ in range(_STEPS):
            step = _step(*shrunk, use, found, part)
            if step is None:
                return None
            found += step
            if np.abs(step * edge).max() < _ENOUGH_PX:
                break
        # Most cameras stand still: the coarse picture tells, and the fine one is not asked.
        if np.abs(found * edge).max() < _AT_REST_PX:
            return None
    shift_max = _SHIFT_MAX_SHARE * max(now.shape)
    most = np.array([shift_max, shift_max, _ZOOM_MAX, _TURN_MAX])
    # Comparisons with NaN are false.
    return _matrix(found, now.shape, 1.0) if (np.abs(found) <= most).all() else None


def steadied(before: Grey, motion: Motion) -> tuple[Grey, Mask]:
    """Return the earlier picture as the later camera would have seen it, and where it does."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (before.shape[1], before.shape[0])
    seen = cv2.warpAffine(np.ones(before.shape, np.float32), motion, size, flags=flags)
    moved = cv2.warpAffine(before, motion, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32), np.asarray(seen > 0.999)


def _shrunk(picture: Grey, size: tuple[int, int]) -> Grey:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _matrix(found: npt.NDArray[np.float64], shape: tuple[int, ...], scale: float) -> Motion:
    x, y, a, b = found
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    linear = np.array([[1 + a, -b], [b, 1 + a]])
    shift = np.array([x, y]) / scale + middle - linear @ middle
    return np.column_stack([linear, shift])


def _step(
    before: Grey, now: Grey, background: Mask, found: npt.NDArray[np.float64], scale: float
) -> npt.NDArray[np.float64] | None:
    """One step of Gauss-Newton; None where too little of the background is left."""
    moved, seen = steadied(before, _matrix(found, now.shape, scale))
    use = background & seen
    use[[0, -1], :] = False
    use[:, [0, -1]] = False
    if int(use.sum()) < _LEAST_PIXELS:
        return None
    by_x = cv2.Sobel(moved, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)[use]
    by_y = cv2.Sobel(moved, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)[use]
    rows, columns = np.nonzero(use)
    x, y = columns - (now.shape[1] - 1) / 2, rows - (now.shape[0] - 1) / 2
    levels = moved[use]
    # The last two columns take up a change of light: a gain and an offset.
    design = np.stack(
        [by_x, by_y, by_x * x + by_y * y, by_y * x - by_x * y, levels, np.ones_like(levels)], 1
    )
    missing = now[use] - levels
    solution = _least_squares(design, missing)
    if solution is None:
        return None
    left = np.abs(missing - design @ solution)
    kept = left <= _OUTLIER * max(float(np.median(left)), 0.1)
    if int(kept.sum()) >= _LEAST_PIXELS:
        solution = _least_squares(design[kept], missing[kept])
    if solution is None:
        return None
    return np.asarray(solution[:4] * np.array([scale, scale, 1.0, 1.0]), np.float64)


def _least_squares(
    design: npt.NDArray[np.floating], missing: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64] | None:
    """Solve for the six unknowns, a little drawn to none at all where they cannot be told."""
    design = design.astype(np.float64)
    normal = design.T @ design
    normal[np.diag_indices(6)] += np.array([1.0, 1.0, 1e2, 1e2, 1.0, 1e-6])
    try:
        return np.linalg.solve(normal, design.T @ missing.astype(np.float64))
    except np.linalg.LinAlgError:
        return None
