"""Draws a recording frame by frame, and notes who is where.

A script is a sequence of scenes, a scene a backdrop with layers from back to front. Each layer
draws itself and says which faces it shows; what a later layer covers is taken off those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.identity.motion import Motion
from benchmarks.identity.posing import Box, Head, Pose, SideLight
from benchmarks.identity.truth import Shown
from include.made_media.pasted_faces import FRAME_SIZE_PX, room_of
from include.video.detection import Image

WIDTH, HEIGHT = FRAME_SIZE_PX
_NOISE_SPARE_PX = 64

Interval = tuple[float, float]
ALWAYS: tuple[Interval, ...] = ((0.0, float("inf")),)


class Layer(Protocol):
    """Something in a scene."""

    def draw(self, frame: Image, t_s: float, /) -> list[Shown]:
        """Draw into `frame` as at a time of the recording; return the faces it shows."""

    def covers(self, t_s: float, /) -> list[Box]:
        """Boxes of what hides the layers behind."""


class OnTheWall:
    """What hides nothing: everything is in front of it."""

    def covers(self, _: float, /) -> list[Box]:
        """Nothing."""
        return []


@dataclass(frozen=True)
class Sitter:
    """Somebody who is there, for some of the time."""

    person: str
    role: str
    head: Head
    motion: Motion
    shown: tuple[Interval, ...] = ALWAYS

    def draw(self, frame: Image, t_s: float, /) -> list[Shown]:
        """Draw the face."""
        if not _within(self.shown, t_s):
            return []
        now = self.motion.at(t_s)
        rows, columns = frame.shape[:2]
        box = self.head.draw(
            frame, (now.x * columns, now.y * rows), now.side * rows, now.pose, now.light
        )
        return _inside(frame, [Shown(self.person, self.role, box)])

    def covers(self, t_s: float, /) -> list[Box]:
        """About the head's outline."""
        if not _within(self.shown, t_s):
            return []
        now = self.motion.at(t_s)
        side = 0.9 * now.side * HEIGHT
        return [(now.x * WIDTH - side / 2, now.y * HEIGHT - side / 2, side, side)]


@dataclass(frozen=True)
class Poster(OnTheWall):
    """A photograph on the wall: it never moves."""

    person: str
    head: Head
    x: float
    y: float
    side: float
    light: SideLight

    def draw(self, frame: Image, _: float, /) -> list[Shown]:
        """Draw frame, paper and face."""
        at, side = (self.x * WIDTH, self.y * HEIGHT), self.side * HEIGHT
        _panel(frame, (at[0] - side * 0.55, at[1] - side * 0.55, 1.1 * side, 1.1 * side), 215)
        return [Shown(self.person, "poster", self.head.draw(frame, at, side, Pose(), self.light))]


@dataclass(frozen=True)
class Screen(OnTheWall):
    """A television on the wall: a small scene of its own for each stretch of its programme.

    Attributes:
        rect: x, y, width, height in pixels of the frame.
        programme: (from time, backdrop, layers), in order.
    """

    rect: tuple[int, int, int, int]
    programme: tuple[tuple[float, Image, tuple[Sitter, ...]], ...]

    def draw(self, frame: Image, t_s: float, /) -> list[Shown]:
        """Draw the set and what it shows."""
        x, y, width, height = self.rect
        _panel(frame, (x - 5, y - 5, width + 10, height + 10), 18)
        view = frame[y : y + height, x : x + width]
        _, backdrop, layers = next(item for item in reversed(self.programme) if item[0] <= t_s)
        view[:] = cv2.resize(backdrop, (width, height), interpolation=cv2.INTER_AREA)
        shown = [face for layer in layers for face in layer.draw(view, t_s)]
        return [
            Shown(f.person, f.role, (f.box_px[0] + x, f.box_px[1] + y, *f.box_px[2:]), f.visible)
            for f in shown
        ]


@dataclass(frozen=True)
class Mirror(OnTheWall):
    """A mirror on the wall that shows somebody, smaller, the other way round."""

    rect: tuple[int, int, int, int]
    sitter: Sitter
    flipped: Head
    scale: float

    def draw(self, frame: Image, t_s: float, /) -> list[Shown]:
        """Draw the glass and the reflection in it."""
        x, y, width, height = self.rect
        _panel(frame, (x - 4, y - 4, width + 8, height + 8), 60)
        view = frame[y : y + height, x : x + width]
        view[:] = cv2.convertScaleAbs(cv2.GaussianBlur(view, (0, 0), 3), alpha=0.8, beta=25)
        if not _within(self.sitter.shown, t_s):
            return []
        now = self.sitter.motion.at(t_s)
        home = self.sitter.motion.track[0]
        at = (
            width * (0.5 - self.scale * (now.x - home[1]) * WIDTH / width),
            height * (0.5 + self.scale * (now.y - home[2]) * HEIGHT / height),
        )
        pose = Pose(
            -now.pose.yaw_deg, now.pose.pitch_deg, -now.pose.roll_deg, now.pose.lids, now.pose.jaw
        )
        light = SideLight(now.light.strength, 180 - now.light.from_deg)
        box = self.flipped.draw(view, at, self.scale * now.side * HEIGHT, pose, light)
        shown = _inside(view, [Shown(self.sitter.person, "mirror", box)])
        return [
            Shown(f.person, f.role, (box[0] + x, box[1] + y, *box[2:]), f.visible) for f in shown
        ]


@dataclass(frozen=True)
class Hand:
    """Something before a part of a face for a while: a hand, a cup, a telephone.

    Attributes:
        before: Whose face.
        when: For how long.
        place: Middle and half-axes, in sides of the photograph from its middle.
        colour: Blue, green, red.
    """

    before: Sitter
    when: Interval
    place: tuple[float, float, float, float]
    colour: tuple[int, int, int]

    def draw(self, frame: Image, t_s: float, /) -> list[Shown]:
        """Draw an oval of one colour."""
        if self.when[0] <= t_s < self.when[1]:
            x, y, width, height = self.covers(t_s)[0]
            centre = (round(x + width / 2), round(y + height / 2))
            axes = (round(width / 2), round(height / 2))
            cv2.ellipse(frame, centre, axes, 12, 0, 360, self.colour, -1, cv2.LINE_AA)
        return []

    def covers(self, t_s: float, /) -> list[Box]:
        """Its box while it is there."""
        if not self.when[0] <= t_s < self.when[1]:
            return []
        now = self.before.motion.at(t_s)
        side = now.side * HEIGHT
        dx, dy, half_width, half_height = (value * side for value in self.place)
        x, y = now.x * WIDTH + dx, now.y * HEIGHT + dy
        return [(x - half_width, y - half_height, 2 * half_width, 2 * half_height)]


@dataclass(frozen=True)
class Exposure:
    """How the camera shows the light of the room: gain, gamma and warmth (-1 blue .. 1 red)."""

    gain: float = 1.0
    gamma: float = 1.0
    warmth: float = 0.0

    def table(self) -> Image:
        """Return the look-up table, 1 x 256 x 3."""
        values = 255 * (np.arange(256) / 255) ** self.gamma * self.gain
        tint = np.array([1 - 0.14 * self.warmth, 1.0, 1 + 0.14 * self.warmth])
        return np.clip(values[:, None] * tint, 0, 255).astype(np.uint8)[None]


@dataclass(frozen=True)
class Scene:
    """A shot: what is behind, and what is before it."""

    start_s: float
    backdrop: Callable[[float], Image]
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Script:
    """A recording to be made.

    Attributes:
        name: Of the recording.
        category: Which kind of case it is.
        half: Whose people play in it.
        duration_s: How long it is.
        rate_hz: Frames per second.
        crf: Quality of the H.264 encoding, 18 fine .. 32 coarse.
        noise: Standard deviation of the camera's noise, grey levels.
        scenes: In order, the first from 0.
        exposures: (from time, exposure), in order, the first from 0.
    """

    name: str
    category: str
    half: str
    duration_s: float
    rate_hz: int
    crf: int
    noise: float
    scenes: tuple[Scene, ...]
    exposures: tuple[tuple[float, Exposure], ...] = field(default=((0.0, Exposure()),))


def play(script: Script) -> Iterator[tuple[Image, tuple[Shown, ...]]]:
    """Yield each frame (BGR) with the faces it shows."""
    draw = np.random.default_rng(list(script.name.encode()))
    grain = _grain(draw, script.noise)
    tables = [(start, exposure.table()) for start, exposure in script.exposures]
    for index in range(round(script.duration_s * script.rate_hz)):
        t_s = index / script.rate_hz
        scene = next(item for item in reversed(script.scenes) if item.start_s <= t_s)
        frame = scene.backdrop(t_s).copy()
        shown: list[Shown] = []
        for layer in scene.layers:
            shown = _covered(shown, layer.covers(t_s))
            shown += layer.draw(frame, t_s)
        frame = cv2.LUT(frame, next(table for start, table in reversed(tables) if start <= t_s))
        top, left = draw.integers(0, _NOISE_SPARE_PX, 2)
        noise = np.ascontiguousarray(grain[top : top + HEIGHT, left : left + WIDTH])
        yield np.asarray(cv2.add(frame, noise, dtype=cv2.CV_8U)), tuple(shown)


def room(number: int) -> Callable[[float], Image]:
    """Return a backdrop that stays as it is."""
    picture = room_of(number)
    return lambda _: picture


def zooming(picture: Image, over_s: float) -> Callable[[float], Image]:
    """Return a backdrop that grows slowly: a film scene without people."""

    def at(t_s: float) -> Image:
        scale = 1.0 + 0.2 * (t_s % over_s) / over_s
        turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0.0, scale)
        return np.asarray(cv2.warpAffine(picture, turn, (WIDTH, HEIGHT)), np.uint8)

    return at


def _grain(draw: np.random.Generator, noise: float) -> npt.NDArray[np.int16]:
    size = (HEIGHT + _NOISE_SPARE_PX, WIDTH + _NOISE_SPARE_PX, 3)
    common = draw.normal(0, 0.8 * noise, (*size[:2], 1))
    return np.asarray((common + draw.normal(0, 0.6 * noise, size)).round(), np.int16)


def _within(intervals: Sequence[Interval], t_s: float) -> bool:
    return any(start <= t_s < end for start, end in intervals)


def _panel(frame: Image, box: Box, grey: int) -> None:
    x, y, width, height = (round(value) for value in box)
    cv2.rectangle(frame, (x, y), (x + width, y + height), (grey, grey, grey), -1)


def _inside(view: Image, shown: list[Shown]) -> list[Shown]:
    """Drop faces that are outside the picture; note how much of the others is inside."""
    rows, columns = view.shape[:2]
    kept = []
    for face in shown:
        inside = _overlap(face.box_px, (0, 0, columns, rows)) / _area(face.box_px)
        if inside > 0:
            kept.append(Shown(face.person, face.role, face.box_px, face.visible * inside))
    return kept


def _covered(shown: list[Shown], by: list[Box]) -> list[Shown]:
    if not by:
        return shown
    return [
        Shown(
            face.person,
            face.role,
            face.box_px,
            face.visible * (1 - max(_overlap(face.box_px, box) for box in by) / _area(face.box_px)),
        )
        for face in shown
    ]


def _area(box: Box) -> float:
    return max(1e-6, box[2] * box[3])


def _overlap(one: Box, other: Box) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
