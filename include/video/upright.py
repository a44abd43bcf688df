"""A decoded frame as it is meant to be seen: square pixels, upright, not mirrored.

A stream may say that its pixels are not square (the sample aspect ratio, SAR) and
how the picture is to be turned or mirrored (the display matrix, ISO/IEC 14496-12,
8.5.2.3: phones turn, front cameras mirror). A face recogniser sees neither. It also
says how brightness and colour were made of red, green and blue (the matrix
coefficients, Rec. ITU-T H.273, table 4); libswscale undoes some of these and refuses
the others.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import numpy as np
from av.sidedata.sidedata import Type

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from include.video.detection import Image

SQUARE = Fraction(1)
MAX_PIXEL_ASPECT = 4
"""Beyond this a header is wrong: anamorphic video in use stays within 1:2 to 2:1."""
MAX_WIDENED_PIXELS = 4096 * 2304
"""A picture that widening would make larger is narrowed the other way instead."""

_UNSPECIFIED_MATRIX = 2
_RESERVED_MATRIX = 3


class UnreadableColoursError(Exception):
    """A frame's colours are stored in a way that cannot be undone (YCgCo, ICtCp and others)."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay a picture: transposed first, then mirrored.

    `flip_x` mirrors left and right, `flip_y` top and bottom.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def is_mirrored(self) -> bool:
        """Whether the picture is a mirror image, turned or not."""
        return self.transpose ^ self.flip_x ^ self.flip_y

    @property
    def rotation_deg(self) -> int:
        """Degrees counter-clockwise, -90, 0, 90 or 180; a mirror is applied (left-right) before."""
        if self.transpose:
            return -90 if self.flip_x else 90
        return 180 if self.flip_y else 0

    def apply(self, image: Image) -> Image:
        """Return the picture laid this way; height x width x 3."""
        if self.transpose:
            image = image.transpose(1, 0, 2)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return how a frame is to be laid; as it is where it says nothing, or nonsense."""
    # By kind, which PyAV's types do not know; its keys are not what they say.
    side_data: Any = frame.side_data
    found = side_data.get(Type.DISPLAYMATRIX)
    matrix = b"" if found is None else bytes(found)
    return orientation_of_matrix(matrix) if len(matrix) >= 20 else Orientation()


def orientation_of_matrix(matrix: bytes) -> Orientation:
    """Return the orientation nearest to a display matrix.

    Args:
        matrix: Nine 32-bit numbers of this machine, (a b u, c d v, x y w): the pixel
            (p, q) is shown at (a p + c q + x, b p + d q + y).
    """
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if not (a or b) or not (c or d):
        return Orientation()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flip_x=a < 0, flip_y=d < 0)
    return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return the width of a pixel over its height; 1 where a stream says nothing or nonsense."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not Fraction(1, MAX_PIXEL_ASPECT) <= aspect <= MAX_PIXEL_ASPECT:
        return SQUARE
    return Fraction(aspect)


def square_size(width_px: int, height_px: int, aspect: Fraction) -> tuple[int, int]:
    """Return width and height of a stored picture once its pixels are square.

    The side that is short of pixels grows, so that nothing is lost, unless the
    picture would become too large.
    """
    wider = (round(width_px * aspect), height_px)
    lower = (width_px, round(height_px / aspect))
    grown, shrunk = (wider, lower) if aspect > 1 else (lower, wider)
    width, height = grown if grown[0] * grown[1] <= MAX_WIDENED_PIXELS else shrunk
    return max(1, width), max(1, height)


def frame_to_bgr(frame: av.VideoFrame, aspect: Fraction = SQUARE) -> Image:
    """Return a frame as height x width x 3 BGR, as it is meant to be seen.

    Args:
        frame: A decoded frame.
        aspect: Width of its pixels over their height (`pixel_aspect`).

    Raises:
        UnreadableColoursError: Its colours cannot be made red, green and blue. No other
            matrix is tried: a face in wrong colours would be read as if it were right.
    """
    if frame.colorspace == _RESERVED_MATRIX:
        # A decoder takes what is reserved as unspecified (Rec. ITU-T H.265, E.3.1).
        frame.colorspace = _UNSPECIFIED_MATRIX
    try:
        if aspect == SQUARE:
            image = frame.to_ndarray(format="bgr24", threads=1)
        else:
            width, height = square_size(frame.width, frame.height, aspect)
            image = frame.to_ndarray(
                format="bgr24", width=width, height=height, interpolation="BICUBIC", threads=1
            )
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise UnreadableColoursError from error
    orientation = orientation_of(frame)
    if orientation == Orientation():
        return cast("Image", image)
    return orientation.apply(cast("Image", image))
