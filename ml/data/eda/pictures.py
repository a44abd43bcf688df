"""Faces laid out in rows, as one picture a page can carry inside itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from ml.data.records import ImageArray

_GAP_PX = 2
_SHOWN_SIDE_PX = 48
"""Larger pictures are reduced: a grid is to be looked over, not studied."""


@dataclass(frozen=True, slots=True)
class Montage:
    """A grid of faces.

    Attributes:
        uri: PNG as a data URI.
        width_px: Width of the picture.
        height_px: Height of the picture.
        alt: What it shows, for those who do not see it.
    """

    uri: str
    width_px: int
    height_px: int
    alt: str


def montage(images: ImageArray, *, columns: int, alt: str) -> Montage:
    """Lay out faces of shape (N, side, side) in rows of `columns` on white."""
    side = min(_SHOWN_SIDE_PX, images.shape[1])
    step = side + _GAP_PX
    lines = -(-len(images) // columns)
    sheet = np.full((lines * step - _GAP_PX, columns * step - _GAP_PX), 255, np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * step, number % columns * step
        shown = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        sheet[top : top + side, left : left + side] = shown
    data = cv2.imencode(".png", sheet)[1].tobytes()
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    return Montage(uri, sheet.shape[1], sheet.shape[0], alt)
