"""Makes recordings of respondents out of photographs of faces, one after the other.

An audit set holds photographs; the pipeline reads videos. Each photograph becomes a few
seconds of a person before a webcam: pasted with a soft edge over a blurred room, at a
size and place as people sit, swaying, tilting and relit a little. Whatever is drawn at
random is drawn from the photograph's own hash: the same photograph makes the same
seconds in whatever company, and nothing in the picture depends on who is shown.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import PictureType

from include.video.detection import Image

PASTED_VERSION = 1
"""Raised when the same photographs would make other recordings."""

FRAME_SIZE_PX = (640, 360)
RATE_HZ = 2
ROOMS = 8
"""Different backdrops; which one a face gets is drawn like everything else."""

_SIDE_SHARE = (0.45, 0.75)
"""Side of the photograph in heights of the frame. A face fills about four fifths of
FairFace's photographs: a third to over a half of the frame's height, as before a webcam."""
_SWAY_SHARE, _TILT_DEG, _ZOOM, _LIGHT = 0.02, 4.0, 0.03, 0.08


@dataclass(frozen=True, slots=True)
class Pose:
    """How one face sits before the camera.

    Attributes:
        room: Number of the backdrop, 0 to `ROOMS` - 1.
        side_px: Side of the pasted photograph.
        centre_px: x and y of its centre at rest.
        phase: Of the swaying, 0 to 2 pi.
    """

    room: int
    side_px: float
    centre_px: tuple[float, float]
    phase: float


def pose_of(picture: bytes) -> Pose:
    """Draw a pose from the hash of a photograph's bytes."""
    width, height = FRAME_SIZE_PX
    draw = np.random.default_rng(list(hashlib.sha256(picture).digest()))
    side = height * float(draw.uniform(*_SIDE_SHARE))
    return Pose(
        room=int(draw.integers(ROOMS)),
        side_px=side,
        centre_px=(
            width * float(draw.uniform(0.38, 0.62)),
            # Nobody's face leaves the frame at the top or bottom.
            float(draw.uniform(0.55 * side, height - 0.55 * side)),
        ),
        phase=2 * math.pi * float(draw.random()),
    )


def write_recording(path: Path, pictures: Iterable[bytes], *, seconds_each: int) -> None:
    """Write an MP4 (H.264): face k is shown from `k * seconds_each` on, for that long.

    The same pictures make the same bytes. Every face starts with a key frame, so that
    nothing of the one before is left in it.

    Args:
        path: Where to write; the folder exists.
        pictures: Photographs as JPEG or PNG.
        seconds_each: How long each is shown, whole seconds.

    Raises:
        ValueError: A photograph cannot be decoded; says its number, 0-based.
    """
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(
            "libx264",
            rate=Fraction(RATE_HZ),
            options={"preset": "ultrafast", "crf": "18", "g": str(RATE_HZ * seconds_each)},
        )
        stream.width, stream.height = FRAME_SIZE_PX
        stream.pix_fmt = "yuv420p"
        # One thread: with several, x264's rate control depends on how they are scheduled.
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(pictures):
            for index, image in enumerate(_shown(picture, number, RATE_HZ * seconds_each)):
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                if index == 0:
                    frame.pict_type = PictureType.I
                container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _shown(picture: bytes, number: int, frames: int) -> Iterator[Image]:
    photograph = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if photograph is None:
        raise ValueError(f"picture {number} cannot be decoded")
    side = min(photograph.shape[:2])
    top, left = (photograph.shape[0] - side) // 2, (photograph.shape[1] - side) // 2
    square = photograph[top : top + side, left : left + side]
    cut_out = np.dstack([square, _soft_mask(side)])
    pose = pose_of(picture)
    room = room_of(pose.room)
    for index in range(frames):
        yield _frame(room, cut_out, pose, pose.phase + 2 * math.pi * index / frames)


def _frame(room: Image, cut_out: Image, pose: Pose, phase: float) -> Image:
    """Paste the face into a copy of the room; only the pixels under it are touched."""
    width, height = FRAME_SIZE_PX
    side = cut_out.shape[0]
    scale = pose.side_px / side * (1.0 + _ZOOM * math.sin(phase))
    patch = math.ceil(1.1 * pose.side_px)
    left = round(pose.centre_px[0] + width * _SWAY_SHARE * math.cos(phase) - patch / 2)
    top = max(0, min(height - patch, round(pose.centre_px[1] - patch / 2)))
    transform = cv2.getRotationMatrix2D(
        (side / 2, side / 2), _TILT_DEG * math.sin(phase + 0.7), scale
    )
    transform[:, 2] += (patch - side) / 2
    placed = cv2.warpAffine(cut_out, transform, (patch, patch), flags=cv2.INTER_LINEAR)
    weight = cv2.merge([placed[..., 3]] * 3)
    lit = cv2.convertScaleAbs(placed[..., :3], alpha=1.0 + _LIGHT * math.sin(phase + 1.9))
    picture = room.copy()
    under = picture[top : top + patch, left : left + patch]
    under[:] = cv2.add(
        cv2.multiply(lit, weight, scale=1 / 255),
        cv2.multiply(under, cv2.subtract(np.full_like(weight, 255), weight), scale=1 / 255),
    )
    return picture


def _soft_mask(side: int) -> Image:
    """Opacity 0..255: nearly the whole square, with a soft edge.

    The photographs are tight. Cutting their corners as well costs detections: 0.83 of 120
    faces were found under an oval mask, 0.93 under this one.
    """
    along = np.abs(np.linspace(-1, 1, side))
    distance = (along[:, None] ** 10 + along[None, :] ** 10) ** 0.1
    return np.asarray(255 * np.clip((1.0 - distance) / 0.06, 0, 1), dtype=np.uint8)


@cache
def room_of(number: int) -> Image:
    """A room out of focus: a wall, light from one side, a few dim pieces of furniture."""
    width, height = FRAME_SIZE_PX
    draw = np.random.default_rng([20261, number])
    wall = draw.uniform(90, 170) + draw.uniform(-14, 14, 3)
    left, right = (float(value) for value in draw.uniform(0.75, 1.15, 2))
    slope = np.linspace(left, right, width)[None, :, None]
    picture = np.broadcast_to(wall * slope, (height, width, 3)).astype(np.float32).copy()
    for _ in range(5):
        x, y = draw.integers(0, width), draw.integers(height // 3, height)
        size = draw.integers(60, 180, 2)
        colour = tuple(float(value) for value in draw.uniform(50, 170) + draw.uniform(-25, 25, 3))
        cv2.rectangle(picture, (int(x), int(y)), (int(x + size[0]), int(y + size[1])), colour, -1)
    blurred = np.clip(cv2.GaussianBlur(picture, (0, 0), 14), 0, 255)
    return np.asarray(blurred, dtype=np.uint8)
