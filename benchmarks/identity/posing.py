"""Turns, lights and moves a face of which there is one photograph.

The head is taken for a smooth bump of depth over its photograph: turning it moves what is
near the camera further than what is behind, and light from one side falls on it as on a
bump. Lids, jaw and corners of the mouth are moved by local warps. Beyond some 30 degrees
this tears, and nothing that the photograph hides is ever seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.identity.people import SIDE_PX, Person
from include.video.detection import Image

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the frame."""

_GRID = 48
"""Warps are smooth: they are computed on a grid of this side and enlarged."""
_MARGIN = 1.15
"""Side of a rendered patch in sides of the photograph: room for turning in the plane."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a face is held and what it does.

    Attributes:
        yaw_deg: Turn, positive to the image's right.
        pitch_deg: Nod, positive downwards.
        roll_deg: Tilt in the plane.
        lids: 0 as photographed, 1 closed.
        jaw: 0 as photographed, 1 dropped.
        smile: -1 corners of the mouth down, 1 up.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    lids: float = 0.0
    jaw: float = 0.0
    smile: float = 0.0


@dataclass(frozen=True, slots=True)
class SideLight:
    """Light from one side: strength 0..1, and where it comes from in the image plane."""

    strength: float = 0.0
    from_deg: float = 0.0


class Head:
    """A person's face, ready to be drawn."""

    def __init__(self, person: Person, *, flipped: bool = False) -> None:
        image, box, points = person.image_bgr, person.box_px, np.array(person.landmarks_px)
        if flipped:
            image = image[:, ::-1]
            box = (SIDE_PX - box[0] - box[2], box[1], box[2], box[3])
            points = points[[1, 0, 2, 4, 3]] * (-1, 1) + (SIDE_PX, 0)
        self._levels = _shrunk(np.dstack([image, _soft_mask()]))
        self._points = points.astype(np.float32)
        self._centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2], np.float32)
        self._box_side = (box[2], box[3])
        self._radius = np.array([0.75 * box[2], 0.75 * box[3]], np.float32)
        self._depth = 0.5 * box[2]

    def draw(
        self, frame: Image, at_px: tuple[float, float], side_px: float, pose: Pose, light: SideLight
    ) -> Box:
        """Draw the face into `frame`, its photograph's middle at `at_px`; return the face's box."""
        patch = math.ceil(_MARGIN * side_px)
        left, top = round(at_px[0] - patch / 2), round(at_px[1] - patch / 2)
        scale = side_px / SIDE_PX
        x, y, shade = self._sources(patch, scale, pose, light)
        level = next((k for k in range(len(self._levels) - 1, -1, -1) if scale * 2**k <= 1.0), 0)
        factor = 0.5**level
        drawn = cv2.remap(
            self._levels[level],
            _enlarged(x, patch) * factor,
            _enlarged(y, patch) * factor,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        _blend(frame, drawn, _enlarged(shade, patch), left, top)
        return self._box(left + patch / 2, top + patch / 2, scale, pose)

    def _sources(
        self, patch: int, scale: float, pose: Pose, light: SideLight
    ) -> tuple[Floats, Floats, Floats]:
        """Where in the photograph each grid point comes from, and how it is lit."""
        along = (((np.arange(_GRID, dtype=np.float32) + 0.5) / _GRID) - 0.5) * (patch / scale)
        columns, rows = np.meshgrid(along, along)
        roll = math.radians(pose.roll_deg)
        middle = SIDE_PX / 2
        u = columns * math.cos(roll) + rows * math.sin(roll) + middle - self._centre[0]
        v = -columns * math.sin(roll) + rows * math.cos(roll) + middle - self._centre[1]
        yaw, pitch = math.radians(pose.yaw_deg), math.radians(pose.pitch_deg)
        from_u, from_v = u / math.cos(yaw), v / math.cos(pitch)
        for _ in range(3):  # the depth is that of the point that comes to lie here
            depth = self._bump(from_u, from_v)
            from_u = (u - depth * math.sin(yaw)) / math.cos(yaw)
            from_v = (v - depth * math.sin(pitch)) / math.cos(pitch)
        slope = 2 * self._bump(from_u, from_v)
        angle = math.radians(light.from_deg)
        towards = (
            math.cos(angle) * from_u / self._radius[0] ** 2
            + math.sin(angle) * from_v / self._radius[1] ** 2
        )
        shade = 1.0 + light.strength * np.clip(slope * towards, -1, 1)
        x, y = self._moved(from_u + self._centre[0], from_v + self._centre[1], pose)
        return x, y, shade.astype(np.float32)

    def _bump(self, u: Floats, v: Floats) -> Floats:
        squared = (u / self._radius[0]) ** 2 + (v / self._radius[1]) ** 2
        return np.asarray(self._depth * np.exp(-squared), np.float32)

    def _moved(self, x: Floats, y: Floats, pose: Pose) -> tuple[Floats, Floats]:
        """Where points come from when lids and mouth have moved."""
        by_x, by_y = np.zeros_like(x), np.zeros_like(y)
        apart = float(np.linalg.norm(self._points[1] - self._points[0]))
        for eye in self._points[:2] if pose.lids else ():
            near = _near(x, y, eye, 0.17 * apart)
            by_y += 2.2 * pose.lids * near * (y - eye[1])
        if pose.jaw:
            mouth_x, mouth_y = self._points[3:5].mean(axis=0)
            near = _near(x, y, (mouth_x, mouth_y + 0.35 * apart), 0.4 * apart)
            by_y -= 0.16 * apart * pose.jaw * near
        if pose.smile:
            for corner, side in zip(self._points[3:5], (-1.0, 1.0), strict=True):
                near = _near(x, y, corner, 0.2 * apart)
                by_x -= side * 0.06 * apart * pose.smile * near
                by_y += 0.09 * apart * pose.smile * near
        return (x + by_x).astype(np.float32), (y + by_y).astype(np.float32)

    def _box(self, x: float, y: float, scale: float, pose: Pose) -> Box:
        yaw, pitch = math.radians(pose.yaw_deg), math.radians(pose.pitch_deg)
        roll = math.radians(pose.roll_deg)
        # The nearest point of the bump is its middle.
        u = float(self._centre[0]) - SIDE_PX / 2 + self._depth * math.sin(yaw)
        v = float(self._centre[1]) - SIDE_PX / 2 + self._depth * math.sin(pitch)
        centre_x = x + scale * (u * math.cos(roll) - v * math.sin(roll))
        centre_y = y + scale * (u * math.sin(roll) + v * math.cos(roll))
        width = self._box_side[0] * scale * math.cos(yaw)
        height = self._box_side[1] * scale * math.cos(pitch)
        return (centre_x - width / 2, centre_y - height / 2, width, height)


def _near(x: Floats, y: Floats, point: Sequence[float], radius: float) -> Floats:
    squared = (x - point[0]) ** 2 + (y - point[1]) ** 2
    return np.asarray(np.exp(-squared / (2 * radius**2)), np.float32)


def _enlarged(grid: Floats, side: int) -> Floats:
    return np.asarray(cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def _blend(frame: Image, drawn: Image, shade: Floats, left: int, top: int) -> None:
    """Lay a BGRA patch over the frame, as far as it is inside."""
    rows, columns = frame.shape[:2]
    side = drawn.shape[0]
    x0, y0, x1, y1 = max(0, left), max(0, top), min(columns, left + side), min(rows, top + side)
    if x0 >= x1 or y0 >= y1:
        return
    inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    weight = cv2.merge([drawn[inside][..., 3].astype(np.float32) / 255] * 3)
    lit = drawn[inside][..., :3] * cv2.merge([shade[inside]] * 3)
    under = frame[y0:y1, x0:x1]
    under[:] = np.clip(lit * weight + under * (1 - weight), 0, 255)


def _shrunk(picture: Image) -> list[Image]:
    """The picture, its half and its quarter, so that small faces are not aliased."""
    levels = [np.ascontiguousarray(picture)]
    for _ in range(2):
        rows, columns = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    return levels


def _soft_mask() -> Image:
    """Opacity 0..255: a head's outline with a soft edge, with little of the photograph's room."""
    along = np.abs(np.linspace(-1, 1, SIDE_PX))
    distance = (along[:, None] ** 3.5 + along[None, :] ** 3.5) ** (1 / 3.5)
    return np.asarray(255 * np.clip((1.0 - distance) / 0.08, 0, 1), dtype=np.uint8)
