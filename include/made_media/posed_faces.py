"""Makes respondents who display what they are told to: one portrait, posed, varied and lit.

Demonstrations and tests of the loop need recordings of which it is known what is displayed,
and no data set may be needed for them. The portrait is the one that scikit-image ships (NASA,
public domain). A pose moves brows, lids and chin and draws another mouth; a respondent is the
portrait mirrored, tinted, stretched and bent; a room is a backdrop with a light. The shipped
model reads the poses in good light (`tests/unit/made_media/test_posed_faces.py` says how many of
how many).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from include.video.detection import Image

Point = tuple[float, float]
Push = tuple[Point, Point, float]
"""Where, by how much (x, y), and how far around: pixels of the posed head."""

HEAD_SIDE_PX = 600
_HEAD = (slice(10, 210), slice(130, 330))
"""Rows and columns of head and hair in the photograph, enlarged to `HEAD_SIDE_PX`."""
_MOUTH: Point = (284, 402)
_LIP_BGR, _DARK_BGR = (95, 95, 175), (45, 35, 70)


@dataclass(frozen=True, slots=True)
class Mouth:
    """A drawn mouth, in pixels of the posed head.

    Attributes:
        corners: How far the corners hang; negative: they are pulled up.
        opening: Half the height of the gap between the lips.
        half_width: From the middle to a corner.
        drop: How far the whole mouth lies under its place.
    """

    corners: float
    opening: float
    half_width: float
    drop: float = 0.0


@dataclass(frozen=True, slots=True)
class Pose:
    """One displayed expression: a drawn mouth (None keeps the smile) and what moves."""

    mouth: Mouth | None
    pushes: tuple[Push, ...] = ()


_BROWS_UP: tuple[Push, ...] = (((215, 240), (0, -20), 30), ((355, 248), (0, -20), 30))
_INNER_BROWS_UP: tuple[Push, ...] = (((245, 243), (4, -16), 20), ((325, 249), (-4, -16), 20))
_INNER_BROWS_DOWN: tuple[Push, ...] = (((246, 245), (8, 24), 22), ((324, 251), (-8, 24), 22))
_OUTER_BROWS_DOWN: tuple[Push, ...] = (((190, 245), (0, 9), 20), ((380, 252), (0, 9), 20))
_EYES_WIDE: tuple[Push, ...] = (
    ((218, 258), (0, -8), 16),
    ((352, 265), (0, -8), 16),
    ((218, 287), (0, 6), 16),
    ((352, 294), (0, 6), 16),
)
_EYES_NARROW: tuple[Push, ...] = (((218, 262), (0, 7), 16), ((352, 269), (0, 7), 16))
_NOSE_WRINKLED: tuple[Push, ...] = (((262, 345), (0, -12), 22), ((306, 347), (0, -12), 22))

POSES: Mapping[str, Pose] = MappingProxyType(
    {
        "anger": Pose(
            Mouth(corners=8, opening=0.0, half_width=44), _INNER_BROWS_DOWN + _EYES_NARROW
        ),
        "disgust": Pose(
            Mouth(corners=14, opening=10.0, half_width=40, drop=-10),
            _INNER_BROWS_DOWN + _EYES_NARROW + _NOSE_WRINKLED,
        ),
        "fear": Pose(Mouth(corners=6, opening=14.0, half_width=48), _INNER_BROWS_UP + _EYES_WIDE),
        "happiness": Pose(None),
        "neutral": Pose(Mouth(corners=11, opening=1.0, half_width=38)),
        "sadness": Pose(
            Mouth(corners=20, opening=1.0, half_width=44, drop=-4),
            _INNER_BROWS_UP + _OUTER_BROWS_DOWN,
        ),
        "surprise": Pose(
            Mouth(corners=0, opening=30.0, half_width=30, drop=10), _BROWS_UP + _EYES_WIDE
        ),
    }
)
"""What can be displayed, by its label."""

READ_IN_DAYLIGHT: tuple[str, ...] = ("happiness", "neutral", "sadness")
"""Poses that the detector finds and the shipped model reads; the others are cruder."""

LANDMARKS_PX: tuple[Point, ...] = ((218, 272), (352, 279), (284, 345), (232, 396), (338, 398))
"""Eyes, nose and corners of the mouth of the posed head, in the order of the face template."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A respondent. Build with `person`.

    Attributes:
        mirrored: Left and right exchanged.
        skin: Gain of blue, green and red.
        hair: Gain of the hair.
        stretch: Width and height, 1 is the portrait's.
        bends: What is moved to make it another face.
        tilt_deg: How the head is held.
        light_deg: Where the light comes from.
        light: How much brighter the lit side is, 0 to 1.
        shadows: Gains of a coarse grid over the head, as of leaves or blinds: with them no two
            respondents are taken for one photograph (`ml.data.duplicates`).
        place: x and y of the head's middle, shares of the frame.
        height: Height of the head, share of the frame's.
        phase: Of its swaying.
        room: Seed of the backdrop.
    """

    mirrored: bool
    skin: tuple[float, float, float]
    hair: float
    stretch: tuple[float, float]
    bends: tuple[Push, ...]
    tilt_deg: float
    light_deg: float
    light: float
    shadows: npt.NDArray[np.float32]
    place: Point
    height: float
    phase: float
    room: int


def person(name: str) -> Person:
    """Return the respondent of a name: the same name, the same face."""
    draw = np.random.default_rng(list(name.encode()))

    def between(low: float, high: float) -> float:
        return float(draw.uniform(low, high))

    bends = tuple(
        ((between(180, 390), between(200, 500)), (between(-14, 14), between(-14, 14)), 65.0)
        for _ in range(7)
    )
    tone = between(0.6, 1.1)
    return Person(
        mirrored=bool(draw.random() < 0.5),
        skin=(tone * between(0.85, 1.1), tone * between(0.92, 1.05), tone),
        hair=between(0.25, 1.15),
        stretch=(between(0.9, 1.1), between(0.92, 1.08)),
        bends=bends,
        tilt_deg=between(-9, 9),
        light_deg=between(0, 360),
        light=between(0.05, 0.5),
        shadows=np.exp(draw.normal(0, 0.22, (7, 7))).astype(np.float32),
        place=(between(0.42, 0.58), between(0.5, 0.56)),
        height=between(0.72, 0.9),
        phase=between(0, 2 * math.pi),
        room=int(draw.integers(1 << 16)),
    )


@dataclass(frozen=True, slots=True)
class Lighting:
    """The light of a room and the camera's noise in it.

    Attributes:
        gain: Of the light, 1 is the portrait's.
        noise: Standard deviation of the sensor's noise, grey levels.
    """

    gain: float = 1.0
    noise: float = 1.5


def frames(
    name: str,
    displayed: Sequence[str],
    *,
    seconds_each: int,
    rate_hz: int,
    size: tuple[int, int],
    lighting: Lighting,
) -> Iterator[Image]:
    """Yield the frames of a respondent who displays one expression after the other.

    Args:
        name: Of the respondent.
        displayed: Names of `POSES`.
        seconds_each: How long each is displayed.
        rate_hz: Frames per second.
        size: Width and height, pixels.
        lighting: Of the room.
    """
    who = person(name)
    draw = np.random.default_rng(list(f"{name}/{displayed}".encode()))
    room = _room(size, who.room)
    heads = {label: _head_of(who, label) for label in set(displayed)}
    each = seconds_each * rate_hz
    for index in range(each * len(displayed)):
        share = 2 * math.pi * index / (4 * rate_hz) + who.phase
        yield _lit(_placed(room, heads[displayed[index // each]], who, share), lighting, draw)


def head(name: str, displayed: str, lighting: Lighting) -> Image:
    """Return a photograph of a respondent's head, `HEAD_SIDE_PX` square, BGR."""
    draw = np.random.default_rng(list(f"{name}/{displayed}".encode()))
    return _lit(_head_of(person(name), displayed)[..., :3], lighting, draw)


def _head_of(who: Person, displayed: str) -> Image:
    """The posed head as this respondent has it, BGR and opacity."""
    picture = pushed(posed(displayed), who.bends).astype(np.float32)
    rows = np.linspace(0, 1, HEAD_SIDE_PX)[:, None, None]
    # Hair fills the upper third; the change is gradual, as a fringe is.
    hair = np.clip((0.38 - rows) / 0.08, 0, 1)
    picture *= np.array(who.skin, np.float32) * (1 - hair) + who.hair * hair
    picture *= _light(who)
    result = np.dstack([np.clip(picture, 0, 255).astype(np.uint8), _opacity()])
    if who.mirrored:
        result = result[:, ::-1]
    return np.ascontiguousarray(result)


def _light(who: Person) -> npt.NDArray[np.float32]:
    """Gain by pixel of a light from one side, through what throws shadows."""
    along = np.linspace(-1, 1, HEAD_SIDE_PX, dtype=np.float32)
    angle = math.radians(who.light_deg)
    side = math.cos(angle) * along[None, :] + math.sin(angle) * along[:, None]
    gain = 1.0 + who.light * np.clip(1.6 * side, -1, 1)
    size = (HEAD_SIDE_PX, HEAD_SIDE_PX)
    gain *= cv2.resize(who.shadows, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(gain[..., None], dtype=np.float32)


def _placed(room: Image, head_bgra: Image, who: Person, phase: float) -> Image:
    """Paste a head into a copy of the room, swaying."""
    height, width = room.shape[:2]
    scale = who.height * height / HEAD_SIDE_PX * (1 + 0.02 * math.sin(phase))
    middle = HEAD_SIDE_PX / 2
    transform = cv2.getRotationMatrix2D(
        (middle, middle), who.tilt_deg + 2.5 * math.sin(phase + 0.7), scale
    )
    transform[:, :2] @= np.diag(who.stretch)
    at = np.array([who.place[0] * width, who.place[1] * height])
    at += width * 0.012 * np.array([math.cos(phase), math.sin(2 * phase)])
    transform[:, 2] = at - transform[:, :2] @ np.array([middle, middle])
    placed = cv2.warpAffine(head_bgra, transform, (width, height), flags=cv2.INTER_AREA)
    weight = placed[..., 3:].astype(np.float32) / 255
    mixed = placed[..., :3] * weight + room * (1 - weight)
    return np.asarray(mixed, dtype=np.uint8)


def _lit(picture: Image, lighting: Lighting, draw: np.random.Generator) -> Image:
    noise = draw.normal(0, lighting.noise, (*picture.shape[:2], 1)).astype(np.float32)
    lit = np.clip(picture.astype(np.float32) * lighting.gain + noise, 0, 255)
    return np.asarray(lit, dtype=np.uint8)


# --- the portrait and its poses -------------------------------------------------------


@cache
def posed(displayed: str) -> Image:
    """Return the portrait displaying an expression, BGR, `HEAD_SIDE_PX` square.

    Raises:
        KeyError: `POSES` has no such expression.
    """
    pose = POSES[displayed]
    if pose.mouth is None:
        return _portrait()
    return _with_mouth(pushed(_without_mouth(), pose.pushes), pose.mouth)


def pushed(picture: Image, pushes: tuple[Push, ...]) -> Image:
    """Move parts of a posed head, each with a Gaussian around it, so that nothing tears."""
    x, y = _sources(pushes)
    moved = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, dtype=np.uint8)


@lru_cache(maxsize=4)
def _sources(pushes: tuple[Push, ...]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return where each pixel of a pushed head comes from, computed on a coarse grid."""
    step = 4  # every push reaches much further
    centres = (np.arange(HEAD_SIDE_PX // step, dtype=np.float32) + 0.5) * step - 0.5
    columns, rows = np.meshgrid(centres, centres)
    by_x, by_y = np.zeros_like(columns), np.zeros_like(rows)
    for (at_x, at_y), (x, y), radius in pushes:
        weight = np.exp(-((columns - at_x) ** 2 + (rows - at_y) ** 2) / (2 * radius**2))
        by_x += x * weight
        by_y += y * weight
    size = (HEAD_SIDE_PX, HEAD_SIDE_PX)
    every = np.arange(HEAD_SIDE_PX, dtype=np.float32)
    return (
        np.asarray(every[None, :] - cv2.resize(by_x, size), dtype=np.float32),
        np.asarray(every[:, None] - cv2.resize(by_y, size), dtype=np.float32),
    )


@cache
def _portrait() -> Image:
    data: Any = importlib.import_module("skimage.data")
    photograph = np.ascontiguousarray(data.astronaut()[..., ::-1])[_HEAD]
    size = (HEAD_SIDE_PX, HEAD_SIDE_PX)
    return np.asarray(cv2.resize(photograph, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


@cache
def _without_mouth() -> Image:
    """The portrait with skin where smile and its folds are."""
    portrait = _portrait()
    mask = np.zeros(portrait.shape[:2], np.uint8)
    cv2.ellipse(mask, (284, 400), (92, 58), 0, 0, 360, 255, -1)
    third = (HEAD_SIDE_PX // 3, HEAD_SIDE_PX // 3)
    small = cv2.inpaint(
        cv2.resize(portrait, third, interpolation=cv2.INTER_AREA),
        cv2.resize(mask, third, interpolation=cv2.INTER_NEAREST),
        9,
        cv2.INPAINT_TELEA,
    )
    size = (HEAD_SIDE_PX, HEAD_SIDE_PX)
    skin = cv2.GaussianBlur(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), (0, 0), 6)
    weight = cv2.GaussianBlur(mask, (0, 0), 7)[..., None] / 255
    return np.asarray(portrait * (1 - weight) + skin * weight, dtype=np.uint8)


def _with_mouth(picture: Image, mouth: Mouth) -> Image:
    across = np.linspace(-1, 1, 41)
    middle = _MOUTH[1] + mouth.drop + mouth.corners * across**2
    x = _MOUTH[0] + mouth.half_width * across
    drawn = picture.copy()
    lip = (1 - across**2) ** 0.6
    _fill(
        drawn,
        x,
        middle - (6 + mouth.opening) * lip - 1,
        middle + (8 + mouth.opening) * lip + 1,
        _LIP_BGR,
    )
    gap = max(mouth.opening, 2.0) * np.sqrt(1 - across**2)
    _fill(drawn, x, middle - gap, middle + gap, _DARK_BGR)
    there = (drawn != picture).any(axis=2).astype(np.float32)
    # Softened like skin, and only there: elsewhere a pose is as sharp as the photograph.
    weight = 0.9 * cv2.GaussianBlur(cv2.dilate(there, np.ones((9, 9))), (0, 0), 3)[..., None]
    soft = cv2.GaussianBlur(drawn, (0, 0), 2.0)
    return np.asarray(soft * weight + picture * (1 - weight), dtype=np.uint8)


def _fill(
    picture: Image,
    x: npt.NDArray[np.float64],
    upper: npt.NDArray[np.float64],
    lower: npt.NDArray[np.float64],
    colour: tuple[int, int, int],
) -> None:
    outline = np.concatenate([np.stack([x, upper], 1), np.stack([x, lower], 1)[::-1]])
    cv2.fillPoly(picture, [outline.round().astype(np.int32)], colour, cv2.LINE_AA)


@cache
def _opacity() -> Image:
    """Opaque head, soft edge, without the photograph's background."""
    mask = np.zeros((HEAD_SIDE_PX, HEAD_SIDE_PX), np.uint8)
    cv2.ellipse(mask, (290, 290), (215, 275), 0, 0, 360, 255, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 12), dtype=np.uint8)


@cache
def _room(size: tuple[int, int], seed: int) -> Image:
    """A backdrop out of focus, without anything like a face."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(90, 170, (4, 7, 1)) + draw.integers(-12, 13, (4, 7, 3))
    coarse = coarse.astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
