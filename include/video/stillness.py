"""How much a face changed within a second, apart from what the whole scene did.

A picture on a wall does not change; a person does, if only a little. Both are seen through
a sensor's noise, a codec, a lamp that flickers and a camera that shakes, so a face is
compared with its surroundings: the motion of the camera between two pictures is taken out
(`steadying`), then a change of light (a line fitted to the grey levels), and what is left in
the face's box is told beside what is left elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from include.video.detection import Detection, Image
from include.video.steadying import Grey, Mask, camera_motion, steadied

LAG_S = 1.0
"""How far back the picture lies that a face is compared with: a head at rest needs a while."""
LAG_MIN_S = 0.6
"""Nothing is compared over less time than this."""

ALONE_FIRST, ALONE_EVERY = 10, 4
"""A face that is alone is compared in so many pictures of a scene, then in every so-manieth:
whether it moves at all is soon told, and only of several it matters which does."""

_SIDE_PX = 320
_TILES = (16, 9)
_BACKGROUND_MIN = 0.15
_KEPT_MAX = 64
_MOVED_MIN = 1.0
"""The camera may have moved where a quarter of the background's tiles changed by so many grey
levels."""


@dataclass(frozen=True, slots=True)
class FaceChange:
    """Mean absolute difference in grey levels (0..255) to the picture about a second before.

    Attributes:
        face: In the face's box.
        scene: In the median tile of the picture outside all faces: noise, codec, camera.
    """

    face: float
    scene: float


class StillnessMeter:
    """Compares the faces of a video's sampled pictures with the pictures about a second before.

    Args:
        lag_s: How far back, seconds; where sampling is slower, the picture before.
    """

    def __init__(self, lag_s: float = LAG_S) -> None:
        self._lag_s = lag_s
        self._kept: deque[tuple[float, Grey]] = deque(maxlen=_KEPT_MAX)
        self._scene = 0
        self._alone = 0

    def changes(
        self, image_bgr: Image, faces: Sequence[Detection], *, scene: int, at_s: float
    ) -> list[FaceChange | None]:
        """Return the change of each face; None where there is nothing to compare with, or no need.

        Args:
            image_bgr: The picture, height x width x 3, BGR.
            faces: Found in it.
            scene: Number of the scene: nothing is compared across a cut.
            at_s: Time of the picture; where it goes back, everything starts anew.
        """
        if scene != self._scene or (self._kept and at_s < self._kept[-1][0]):
            self._kept.clear()
            self._alone = 0
        self._scene = scene
        now, scale = _small(image_bgr)
        before = self._before(at_s, now.shape)
        self._kept.append((at_s, now))
        if before is None or not faces or (len(faces) == 1 and not self._looks_at_one()):
            return [None] * len(faces)
        return _changes(before, now, [_box(face, scale, now.shape) for face in faces])

    def _looks_at_one(self) -> bool:
        self._alone += 1
        return self._alone <= ALONE_FIRST or self._alone % ALONE_EVERY == 0

    def _before(self, at_s: float, shape: tuple[int, ...]) -> Grey | None:
        """Return the latest picture that is old enough, else the oldest there is."""
        while len(self._kept) > 1 and self._kept[1][0] <= at_s - self._lag_s:
            self._kept.popleft()
        if not self._kept:
            return None
        then_s, picture = self._kept[0]
        if picture.shape != shape or at_s - then_s < LAG_MIN_S:
            return None
        return picture


def _small(image_bgr: Image) -> tuple[Grey, float]:
    """Return a grey copy of bounded size, softened, and its scale."""
    height, width = image_bgr.shape[:2]
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.float32), scale


def _box(face: Detection, scale: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a face in the small picture; at least one pixel."""
    left, top = int(face.x_px * scale), int(face.y_px * scale)
    left, top = min(max(left, 0), shape[1] - 1), min(max(top, 0), shape[0] - 1)
    right = max(left + 1, round((face.x_px + face.width_px) * scale))
    bottom = max(top + 1, round((face.y_px + face.height_px) * scale))
    return slice(top, bottom), slice(left, right)


def _changes(
    before: Grey, now: Grey, boxes: Sequence[tuple[slice, slice]]
) -> list[FaceChange | None]:
    outside = np.ones(now.shape, np.bool_)
    for box in boxes:
        outside[box] = False
    explained = [(before, outside)]
    background = _background(now.shape, boxes)
    motion = camera_motion(before, now, background) if _moved(before, now, background) else None
    if motion is not None:
        moved, seen = steadied(before, motion)
        explained.append((moved, outside & seen))
    # Whichever of the two explains more: an even wall can tell a motion that there was not.
    scene = min(_scene_change(picture, now, where) for picture, where in explained)
    return [
        FaceChange(min(_difference(picture[box], now[box]) for picture, _ in explained), scene)
        for box in boxes
    ]


def _background(shape: tuple[int, ...], boxes: Sequence[tuple[slice, slice]]) -> Mask:
    """What is neither a head nor what is under it, as far as that leaves enough."""
    mask = np.ones(shape, np.bool_)
    for rows, columns in boxes:
        width, height = columns.stop - columns.start, rows.stop - rows.start
        top, left = max(0, rows.start - height // 2), max(0, columns.start - width // 2)
        mask[top:, left : columns.stop + width // 2] = False
    if mask.mean() < _BACKGROUND_MIN:
        mask[:] = True
        for box in boxes:
            mask[box] = False
    return mask


def _moved(before: Grey, now: Grey, background: Mask) -> bool:
    """Return whether enough of the background changed for the camera to have moved.

    Fitting a motion costs more than all else here, and most cameras stand still.
    """
    tiles = _tile_changes(before, now, background)
    if not tiles.size:
        return True
    return float(np.quantile(tiles, 0.75)) > _MOVED_MIN


def _scene_change(before: Grey, now: Grey, where: Mask) -> float:
    """Median over the tiles that lie wholly in `where`, each without its own change of light."""
    tiles = _tile_changes(before, now, where)
    return float(np.median(tiles)) if tiles.size else 0.0


def _tile_changes(before: Grey, now: Grey, where: Mask) -> npt.NDArray[np.float32]:
    difference = now - before
    level = cv2.resize(difference, _TILES, interpolation=cv2.INTER_AREA)
    size = (now.shape[1], now.shape[0])
    left = np.abs(difference - cv2.resize(level, size, interpolation=cv2.INTER_NEAREST))
    whole = cv2.resize(where.astype(np.float32), _TILES, interpolation=cv2.INTER_AREA) > 0.999
    return np.asarray(cv2.resize(left, _TILES, interpolation=cv2.INTER_AREA)[whole], np.float32)


def _difference(before: Grey, now: Grey) -> float:
    """Mean absolute difference after the gain and offset that fit best, grey levels."""
    a, b = before - before.mean(), now - now.mean()
    power = float((a * a).sum())
    gain = min(max(float((a * b).sum()) / power, 0.7), 1.4) if power > 0 else 1.0
    return float(np.abs(b - gain * a).mean())
