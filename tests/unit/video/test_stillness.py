"""Faces that move and pictures that do not, through noise, light and a camera that shakes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from include.made_media.posed_faces import Lighting, frames, head
from include.video.detection import Detection, Image
from include.video.stillness import ALONE_EVERY, ALONE_FIRST, FaceChange, StillnessMeter

SIZE = (640, 360)
LIVE = Detection(200, 60, 180, 220, 0.9, ())
PICTURE = Detection(540, 40, 60, 70, 0.9, ())


def _textured(seed: int) -> Image:
    """A wall with things on it, as a camera sees one."""
    draw = np.random.default_rng(seed)
    wall = draw.integers(60, 200, (18, 32, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(wall, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def _pictures(count: int, *, noise: float = 2.0, shake_px: float = 0.0, light: float = 0.0):
    """A respondent who sways before a wall on which a photograph hangs, a picture a second."""
    draw = np.random.default_rng(5)
    photograph = cv2.resize(head("mona", "neutral", Lighting(noise=0)), (90, 90))
    people = list(
        frames("ben", ["neutral"], seconds_each=count, rate_hz=1, size=SIZE, lighting=Lighting())
    )
    empty = people[0][:, :8].mean(axis=(0, 1))
    for second, respondent in enumerate(people):
        picture = _textured(1)
        left = respondent[:, 120:460].astype(np.int16)
        there = np.abs(left - empty).sum(axis=2, keepdims=True) > 90
        picture[:, 120:460] = np.where(there, left, picture[:, 120:460])
        picture[30:120, 525:615] = photograph
        if shake_px:
            x, y = draw.normal(0, shake_px, 2)
            turn = cv2.getRotationMatrix2D((320, 180), float(draw.normal(0, 0.2)), 1.0)
            turn[:, 2] += (x, y)
            picture = cv2.warpAffine(picture, turn, SIZE, borderMode=cv2.BORDER_REFLECT)
        lit = picture * (1 + draw.normal(0, light)) + draw.normal(0, noise, picture.shape)
        yield float(second), np.clip(lit, 0, 255).astype(np.uint8)


def _moved(change: FaceChange | None) -> bool:
    assert change is not None
    return change.face > 1.2 + 2.5 * change.scene


@pytest.mark.parametrize(
    "conditions",
    [{}, {"noise": 6.0}, {"light": 0.05}, {"shake_px": 2.0}, {"shake_px": 5.0, "light": 0.02}],
    ids=str,
)
def test_a_person_changes_and_a_photograph_does_not(conditions: dict[str, float]) -> None:
    meter = StillnessMeter()
    found = [
        meter.changes(picture, [LIVE, PICTURE], scene=0, at_s=at_s)
        for at_s, picture in _pictures(9, **conditions)
    ]
    assert found[0] == [None, None]
    assert np.mean([_moved(person) for person, _ in found[1:]]) > 0.9
    assert np.mean([_moved(photograph) for _, photograph in found[1:]]) < 0.3


def test_nothing_is_compared_across_a_cut_or_a_clock_set_back() -> None:
    meter = StillnessMeter()
    pictures = [picture for _, picture in _pictures(3)]
    assert meter.changes(pictures[0], [LIVE], scene=0, at_s=0.0) == [None]
    assert meter.changes(pictures[1], [LIVE], scene=0, at_s=1.0) != [None]
    assert meter.changes(pictures[2], [LIVE], scene=1, at_s=2.0) == [None]
    assert meter.changes(pictures[1], [LIVE], scene=1, at_s=3.0) != [None]
    assert meter.changes(pictures[0], [LIVE], scene=1, at_s=1.0) == [None]
    # A picture of another size cannot be compared.
    small = cv2.resize(pictures[1], (320, 240))
    assert meter.changes(small, [LIVE], scene=1, at_s=2.0) == [None]


def test_pictures_a_moment_apart_are_compared_with_those_a_second_before() -> None:
    still, moved = (picture for _, picture in _pictures(2))
    meter = StillnessMeter()
    found = []
    for index in range(50):
        picture = still if index < 25 else moved
        change, _ = meter.changes(picture, [LIVE, PICTURE], scene=0, at_s=index / 25)
        found.append(change)
    assert found[:15] == [None] * 15
    # From the turn at 1 s on, for a second, every picture differs from the one a second before.
    assert all(_moved(change) for change in found[25:])
    assert not any(_moved(change) for change in found[16:25])


def test_a_face_that_is_alone_is_looked_at_less_often_after_a_while() -> None:
    meter = StillnessMeter()
    [(_, picture), _] = list(_pictures(2))
    alone = [meter.changes(picture, [LIVE], scene=0, at_s=float(k))[0] for k in range(31)]
    assert sum(change is not None for change in alone) == ALONE_FIRST + 20 // ALONE_EVERY
    assert meter.changes(picture, [LIVE, PICTURE], scene=0, at_s=31.0)[0] is not None
    assert meter.changes(picture, [LIVE], scene=1, at_s=32.0) == [None]
    assert meter.changes(picture, [LIVE], scene=1, at_s=33.0) != [None]


def test_boxes_beyond_the_picture_are_cut_to_it() -> None:
    meter = StillnessMeter()
    beyond = Detection(-40, 300, 5000, 5000, 0.9, ())
    outside = Detection(700, 900, 10, 10, 0.9, ())
    for at_s, picture in _pictures(2):
        found = meter.changes(picture, [beyond, outside], scene=0, at_s=at_s)
    assert all(change is not None and np.isfinite(change.face) for change in found)
