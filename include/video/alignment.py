"""From five landmarks to an upright square crop, and how the head is turned."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from include.contracts.face_template import FACE_TEMPLATE_UNIT
from include.video.detection import Image

Affine = npt.NDArray[np.float64]
"""2 x 3, maps (x, y, 1) of the picture to (x, y) of the crop, pixels."""

_YAW_FULL_DEG = 90.0


def similarity_transform(
    landmarks_px: Sequence[tuple[float, float]],
    crop_side_px: int,
    *,
    template_unit: Sequence[tuple[float, float]] = FACE_TEMPLATE_UNIT,
) -> Affine | None:
    """Return the least-squares similarity that brings landmarks to the face template.

    Umeyama, "Least-squares estimation of transformation parameters between two
    point patterns" (IEEE PAMI 13(4), 1991), without reflection. None when the
    landmarks coincide, so that no transform exists.

    Args:
        landmarks_px: Five (x, y) of the picture, in the template's order.
        crop_side_px: Side of the square crop.
        template_unit: Where the landmarks lie in the crop, in its unit square.
    """
    source = np.asarray(landmarks_px, dtype=np.float64)
    target = np.asarray(template_unit, dtype=np.float64) * crop_side_px
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source_zero, target_zero = source - source_mean, target - target_mean
    spread = float((source_zero**2).sum()) / len(source)
    if not math.isfinite(spread) or spread < 1e-6:
        return None
    left, singular, right = np.linalg.svd(target_zero.T @ source_zero / len(source))
    sign = np.array([1.0, math.copysign(1.0, np.linalg.det(left) * np.linalg.det(right))])
    rotation = left @ np.diag(sign) @ right
    scale = float((singular * sign).sum()) / spread
    if scale <= 0:
        return None
    shift = target_mean - scale * rotation @ source_mean
    return np.hstack([scale * rotation, shift[:, None]])


def aligned_crop(image_bgr: Image, transform: Affine, crop_side_px: int) -> Image:
    """Return the square BGR crop that `transform` cuts from a picture.

    When the face is much larger than the crop the picture is first brought down
    by area averaging: bilinear warping alone reads four pixels per output pixel
    and would alias. Outside the picture the border colour is repeated.
    """
    scale = math.hypot(transform[0, 0], transform[1, 0])
    if scale < 0.5:
        image_bgr, transform = _reduced(image_bgr, transform, crop_side_px, scale)
    crop: Image = cv2.warpAffine(
        image_bgr,
        transform,
        (crop_side_px, crop_side_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return crop


def _reduced(
    image_bgr: Image, transform: Affine, crop_side_px: int, scale: float
) -> tuple[Image, Affine]:
    """Cut the region the crop needs and shrink it so that about one crop pixel is one pixel."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float64) * crop_side_px
    inverse = np.linalg.inv(transform[:, :2])
    region = (corners - transform[:, 2]) @ inverse.T
    limit = np.array([image_bgr.shape[1], image_bgr.shape[0]])
    low = np.clip(np.floor(region.min(axis=0)) - 1, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(region.max(axis=0)) + 2, low + 1, limit).astype(int)
    cut = image_bgr[low[1] : high[1], low[0] : high[0]]
    side = [max(1, round((high[axis] - low[axis]) * scale)) for axis in (0, 1)]
    small = cv2.resize(cut, (side[0], side[1]), interpolation=cv2.INTER_AREA)
    # Pixel centres: x = (x_small + 0.5) * factor - 0.5 + low.
    factor = np.array([cut.shape[1] / side[0], cut.shape[0] / side[1]])
    shift = transform[:, :2] @ (0.5 * factor - 0.5 + low) + transform[:, 2]
    return small, np.hstack([transform[:, :2] * factor, shift[:, None]])


def roll_deg(landmarks_px: Sequence[tuple[float, float]]) -> float:
    """Return the in-plane rotation of the eye line, degrees, positive clockwise in the image."""
    (left_x, left_y), (right_x, right_y) = landmarks_px[0], landmarks_px[1]
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def yaw_deg(landmarks_px: Sequence[tuple[float, float]]) -> float:
    """Return a coarse estimate of the head's turn, -90..90 degrees, positive to image right.

    Along the eye line, the nose tip of a frontal face lies midway between the
    eyes; in a full profile it reaches past one of them. The share of the way,
    as an arc sine, is the estimate: about 10 degrees of error, enough to set
    profiles aside, no measure of gaze.
    """
    points = np.asarray(landmarks_px, dtype=np.float64)
    axis = points[1] - points[0]
    span = float(axis @ axis)
    if span < 1e-6:
        return _YAW_FULL_DEG
    middle = (points[0] + points[1]) / 2
    share = float((points[2] - middle) @ axis) / span  # -0.5..0.5 between the eyes
    return math.degrees(math.asin(max(-1.0, min(1.0, share / 0.75))))
