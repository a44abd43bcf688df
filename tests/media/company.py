"""Recordings of a respondent who is not alone: a poster, a television, a mirror, a neighbour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from include.made_media.demo_video import write_video
from include.made_media.posed_faces import Lighting, frames, head
from include.video.detection import Image

SIZE = (640, 360)
RATE_HZ = 5
SECONDS = 12

Show = Callable[[int, Image, Image], Image]
"""Puts something into frame k; also given the person alone, before anything was put in."""


def write(path: Path, pictures: Iterator[Image]) -> Path:
    """Write a recording."""
    write_video(path, pictures, size=SIZE, rate=RATE_HZ)
    return path


def respondent(
    name: str, *, displayed: Sequence[str] = ("neutral", "happiness", "neutral"), shift_px: int = 0
) -> Iterator[Image]:
    """A person who sways before a wall; moved sideways where another shares the picture."""
    each = SECONDS // len(displayed)
    for picture in frames(
        name,
        displayed,
        seconds_each=each,
        rate_hz=RATE_HZ,
        size=SIZE,
        lighting=Lighting(noise=2.0),
    ):
        yield np.roll(picture, shift_px, axis=1)


def with_shown(pictures: Iterator[Image], *shows: Show) -> Iterator[Image]:
    """Put things into every picture."""
    for k, picture in enumerate(pictures):
        shown = picture.copy()
        for show in shows:
            shown = show(k, shown, picture)
        yield shown


def poster(name: str, *, left: int, top: int = 20, side: int = 110) -> Show:
    """A photograph on the wall."""
    photograph = _photograph(name, "happiness", side)

    def show(k: int, picture: Image, person: Image) -> Image:
        picture[top : top + side, left : left + side] = _noisy(photograph, k)
        return picture

    return show


def television(names: Sequence[str], *, left: int, top: int = 20, seconds: int = 2) -> Show:
    """A screen whose programme is cut from face to face, each moving a little."""

    def show(k: int, picture: Image, person: Image) -> Image:
        face = _photograph(names[k // (seconds * RATE_HZ) % len(names)], "neutral", 110)
        moved = np.roll(face, (round(3 * np.sin(k)), round(4 * np.cos(0.7 * k))), axis=(0, 1))
        picture[top : top + 110, left : left + 110] = _noisy(moved, k)
        return picture

    return show


def mirror(*, left: int, top: int = 20, width: int = 150) -> Show:
    """A glass in which the person is seen again, mirrored and smaller."""

    def show(k: int, picture: Image, person: Image) -> Image:
        height = width * SIZE[1] // SIZE[0]
        glass = cv2.resize(person[:, ::-1], (2 * width, 2 * height), interpolation=cv2.INTER_AREA)
        middle = glass[:, width // 2 : width // 2 + width]
        picture[top : top + 2 * height, left : left + width] = middle
        return picture

    return show


def beside(one: Iterator[Image], other: Iterator[Image]) -> Iterator[Image]:
    """Two people in one picture, each in a half."""
    half = SIZE[0] // 2
    for left, right in zip(one, other, strict=True):
        yield np.hstack([left[:, half // 2 : half // 2 + half], right[:, half // 2 : -(half // 2)]])


def after(one: Iterator[Image], other: Iterator[Image], *, at: int) -> Iterator[Image]:
    """One person, and from frame `at` on another."""
    for k, (first, then) in enumerate(zip(one, other, strict=True)):
        yield first if k < at else then


@cache
def _photograph(name: str, displayed: str, side: int) -> Image:
    picture = cv2.resize(head(name, displayed, Lighting(noise=0.0)), (side, side))
    return np.asarray(picture, np.uint8)


def _noisy(picture: Image, k: int) -> Image:
    noise = np.random.default_rng([7, k]).normal(0, 2.0, (*picture.shape[:2], 1))
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)
