"""Which recordings are made: eleven kinds of case, each drawn from its own name.

The same name and the same people give the same recording, in whatever company.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import cv2
import numpy as np

from benchmarks.identity.motion import Keyframe, Motion, motion, side_light
from benchmarks.identity.people import Cast, Person
from benchmarks.identity.posing import Head
from benchmarks.identity.stage import (
    ALWAYS,
    HEIGHT,
    WIDTH,
    Exposure,
    Hand,
    Interval,
    Layer,
    Mirror,
    Poster,
    Scene,
    Screen,
    Script,
    Sitter,
    room,
    zooming,
)
from benchmarks.identity.truth import PASSER_BY, RESPONDENT, TV
from include.made_media.pasted_faces import room_of
from include.video.detection import Image

PLAN_VERSION = 1
"""Raised when the same names would give other recordings."""
GAPS_S = (2.0, 0.5, 10.0)
AWAY_S = 30.0
_ROOMS = 10_000


@dataclass
class Casting:
    """Draws one recording.

    Attributes:
        draw: Of this recording.
        cast: The people of its half.
        number: Of this recording among those of its kind, from 0.
    """

    draw: np.random.Generator
    cast: Cast
    number: int
    _taken: set[str] = field(default_factory=set)

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.draw.uniform(low, high))

    def somebody(self) -> Person:
        """Draw somebody who is not in this recording yet."""
        while True:
            person = self.cast.people[int(self.draw.integers(len(self.cast.people)))]
            if person.name not in self._taken:
                self._taken.add(person.name)
                return person

    def backdrop(self) -> Callable[[float], Image]:
        """Draw a room."""
        return room(int(self.draw.integers(_ROOMS)))

    def seat(self, at_x: float | None = None) -> Keyframe:
        """Draw a place before the camera."""
        side = self.between(0.5, 0.78)
        x = self.between(0.42, 0.58) if at_x is None else at_x
        return (0.0, x, self.between(0.5, 0.56), side)

    def same_seat(self, before: Keyframe) -> Keyframe:
        """Draw a place as another person takes who sits down on the same chair."""
        _, x, y, side = before
        return (
            0.0,
            x + self.between(-0.04, 0.04),
            y + self.between(-0.03, 0.03),
            side * self.between(0.88, 1.12),
        )

    def sitter(
        self,
        person: Person,
        seat: Keyframe,
        shown: tuple[Interval, ...] = ALWAYS,
        role: str = RESPONDENT,
    ) -> Sitter:
        """Return somebody on a seat."""
        return Sitter(person.name, role, Head(person), motion(self.draw, [seat]), shown)

    def television(self, cuts_s: list[float], faces: int, *, rect: tuple[int, int]) -> Screen:
        """Return a television whose programme is cut at some times, with faces in each shot."""
        height = int(self.between(130, 170))
        width = round(height * 16 / 9)
        x = min(max(8, rect[0]), WIDTH - width - 8)
        programme = []
        for start in [0.0, *cuts_s]:
            places = [(k + 0.5) / faces for k in range(faces)]
            size = self.between(0.72, 0.95) if faces == 1 else 0.6
            layers = tuple(
                self.sitter(self.somebody(), (0.0, at, self.between(0.48, 0.56), size), ALWAYS, TV)
                for at in places
            )
            programme.append((start, room_of(int(self.draw.integers(_ROOMS))), layers))
        return Screen((x, rect[1], width, height), tuple(programme))


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a kind of case decides about a recording."""

    duration_s: float
    scenes: tuple[Scene, ...]
    exposures: tuple[tuple[float, Exposure], ...] = ((0.0, Exposure()),)


def seat_cut(casting: Casting) -> Drawn:
    """One person, then at once another on the same seat."""
    return _one_after_the_other(casting, casting.somebody(), casting.somebody(), 0.0)


def seat_gap(casting: Casting) -> Drawn:
    """One person, an empty seat for 2, 0.5 or 10 s, then another."""
    gap_s = GAPS_S[casting.number % len(GAPS_S)]
    return _one_after_the_other(casting, casting.somebody(), casting.somebody(), gap_s)


def crossing(casting: Casting) -> Drawn:
    """Two people side by side change places, one passing before the other; some change back."""
    start, lasts = casting.between(3, 5), casting.between(1.6, 2.6)
    places = [0.28, 0.72]
    changes = [(start, start + lasts)]
    if casting.number % 2:
        changes.append((start + lasts + 3, start + 2 * lasts + 3))
    layers: list[Layer] = []
    for x in places:
        _, _, y, side = casting.seat()
        side *= 0.8
        track: list[Keyframe] = []
        now = x
        for begins, ends in changes:
            track += [(begins, now, y, side), (ends, 1 - now, y, side)]
            now = 1 - now
        person = casting.somebody()
        moves = motion(casting.draw, track)
        layers.append(Sitter(person.name, RESPONDENT, Head(person), moves))
    return Drawn(changes[-1][1] + 5, (Scene(0.0, casting.backdrop(), tuple(layers)),))


def returns(casting: Casting) -> Drawn:
    """Somebody leaves and comes back after 30 s, to another light and another distance."""
    first, then = casting.between(5, 8), casting.between(5, 8)
    person, seat = casting.somebody(), casting.seat()
    back = first + AWAY_S
    layers = (
        casting.sitter(person, seat, ((0.0, first),)),
        casting.sitter(person, casting.same_seat(seat), ((back, back + then),)),
    )
    later = Exposure(casting.between(0.8, 1.15), 1.0, casting.between(-0.6, 0.6))
    return Drawn(
        back + then,
        (Scene(0.0, casting.backdrop(), layers),),
        ((0.0, Exposure()), (first + AWAY_S / 2, later)),
    )


def lookalikes(casting: Casting) -> Drawn:
    """Two people who look alike: at a cut, after 2 s of empty seat, or side by side."""
    pairs = casting.cast.lookalikes
    one, other = pairs[casting.number % len(pairs)]
    if casting.number % 3 == 2:
        layers = tuple(
            casting.sitter(person, casting.seat(x))
            for person, x in (
                (one, casting.between(0.26, 0.3)),
                (other, casting.between(0.7, 0.74)),
            )
        )
        return Drawn(casting.between(9, 12), (Scene(0.0, casting.backdrop(), layers),))
    return _one_after_the_other(casting, one, other, 2.0 if casting.number % 3 else 0.0)


def poster(casting: Casting) -> Drawn:
    """A respondent, and one or two photographs of others on the wall."""
    layers: list[Layer] = []
    at = casting.between(0.42, 0.58)
    for number in range(1 + casting.number % 2):
        person = casting.somebody()
        x = casting.between(0.1, 0.17) if number else casting.between(0.83, 0.9)
        side = casting.between(0.24, 0.46)
        spot = (x, casting.between(0.25, 0.45), side)
        layers.append(Poster(person.name, Head(person), *spot, side_light(casting.draw, 0.15)))
    layers.append(casting.sitter(casting.somebody(), casting.seat(at)))
    return Drawn(casting.between(10, 14), (Scene(0.0, casting.backdrop(), tuple(layers)),))


def television(casting: Casting) -> Drawn:
    """A respondent, and a television whose programme is cut from face to face."""
    lasts = casting.between(16, 22)
    left = bool(casting.number % 2)
    cuts, at = [], casting.between(1.5, 4)
    while at < lasts:
        cuts.append(at)
        at += casting.between(1.5, 5)
    x = 10 if left else WIDTH
    screen = casting.television(cuts, 1, rect=(x, int(casting.between(20, 60))))
    seat = casting.seat(0.7 if left else 0.3)
    layers = (screen, casting.sitter(casting.somebody(), seat))
    return Drawn(lasts, (Scene(0.0, casting.backdrop(), layers),))


def mirror(casting: Casting) -> Drawn:
    """A respondent, and a mirror behind in which that respondent is seen."""
    person = casting.somebody()
    left = bool(casting.number % 2)
    seat = casting.seat(0.68 if left else 0.32)
    sitter = casting.sitter(person, seat)
    side = int(casting.between(130, 170))
    rect = (20 if left else WIDTH - 20 - side, int(casting.between(30, 70)), side, int(1.2 * side))
    glass = Mirror(rect, sitter, Head(person, flipped=True), casting.between(0.45, 0.7))
    return Drawn(casting.between(10, 14), (Scene(0.0, casting.backdrop(), (glass, sitter)),))


def scene_cut(casting: Casting) -> Drawn:
    """A cut to another scene and back, once or twice; in some of them another person is shown."""
    person, seat = casting.somebody(), casting.seat()
    before = casting.backdrop()
    scenes, now = [Scene(0.0, before, (casting.sitter(person, seat),))], casting.between(4, 6)
    for _ in range(1 + casting.number % 2):
        lasts = casting.between(2, 5)
        if casting.number % 3 == 2:
            other = casting.sitter(casting.somebody(), casting.seat())
            scenes.append(Scene(now, casting.backdrop(), (other,)))
        else:
            picture = _films()[int(casting.draw.integers(len(_films())))]
            scenes.append(Scene(now, zooming(picture, 6.0)))
        now += lasts
        again = casting.sitter(person, casting.same_seat(seat))
        scenes.append(Scene(now, before, (again,)))
        now += casting.between(4, 6)
    return Drawn(now, tuple(scenes))


def alone(casting: Casting) -> Drawn:
    """One person all the time: turns far, leans in and out, is half covered, the light changes."""
    lasts = casting.between(24, 32)
    _, x, y, side = casting.seat()
    leaning = [(t, casting.between(0.5, 1.3)) for t in np.arange(4.0, lasts - 1, 4.5)]
    track = [(0.0, x, y, side)]
    for start, size in leaning:
        track += [
            (start, *track[-1][1:]),
            (start + 1.4, x + casting.between(-0.1, 0.1), y, min(0.95, side * size)),
        ]
    person = casting.somebody()
    plain = motion(casting.draw, track, turn_deg=24.0, sway=0.02)
    lights = ((0.0, side_light(casting.draw)), (lasts / 2, side_light(casting.draw, 0.7)))
    moves = Motion(
        plain.track, plain.sway, plain.turn, plain.bias, plain.blink_s, plain.talk_s, lights
    )
    sitter = Sitter(person.name, RESPONDENT, Head(person), moves)
    covered = casting.between(3, lasts - 6)
    hand = Hand(
        sitter,
        (covered, covered + casting.between(1.5, 3)),
        (casting.between(-0.15, 0.15), casting.between(0.2, 0.34), 0.2, 0.16),
        (90, 120, 170),
    )
    exposures = (
        (0.0, Exposure()),
        (lasts * 0.3, Exposure(casting.between(0.5, 0.75), 1.0, casting.between(0.2, 1))),
        (lasts * 0.6, Exposure(casting.between(1.0, 1.25), 0.85, casting.between(-0.8, 0))),
    )
    return Drawn(lasts, (Scene(0.0, casting.backdrop(), (sitter, hand)),), exposures)


def background(casting: Casting) -> Drawn:
    """People pass behind; or three faces on a television behind while the seat changes."""
    if casting.number % 2:
        return _television_and_change(casting)
    lasts = casting.between(14, 18)
    layers: list[Layer] = []
    for number in range(1 + casting.number // 2 % 2):
        starts, person = 3 + 5 * number + casting.between(0, 2), casting.somebody()
        side, y = casting.between(0.34, 0.5), casting.between(0.3, 0.4)
        takes = casting.between(3, 5)
        ways = [(starts, -0.1, y, side), (starts + takes, 1.1, y, side)]
        if casting.draw.random() < 0.5:
            ways = [(starts, 1.1, y, side), (starts + takes, -0.1, y, side)]
        moves = motion(casting.draw, ways, turn_deg=5)
        layers.append(
            Sitter(person.name, PASSER_BY, Head(person), moves, ((starts, starts + takes),))
        )
    layers.append(casting.sitter(casting.somebody(), casting.seat()))
    return Drawn(lasts, (Scene(0.0, casting.backdrop(), tuple(layers)),))


def _television_and_change(casting: Casting) -> Drawn:
    left = bool(casting.number // 2 % 2)
    screen = casting.television(
        [casting.between(3, 5), casting.between(9, 12)],
        3,
        rect=(8 if left else WIDTH, int(casting.between(10, 30))),
    )
    seat = casting.seat(0.72 if left else 0.28)
    changed = _one_after_the_other(
        casting,
        casting.somebody(),
        casting.somebody(),
        2.0 if casting.number // 2 % 2 else 0.0,
        seat=seat,
    )
    [scene] = changed.scenes
    return Drawn(changed.duration_s, (Scene(0.0, scene.backdrop, (screen, *scene.layers)),))


def _one_after_the_other(
    casting: Casting, one: Person, other: Person, gap_s: float, seat: Keyframe | None = None
) -> Drawn:
    first, then = casting.between(5, 8), casting.between(5, 8)
    seat = seat or casting.seat()
    begins = first + gap_s
    layers = (
        casting.sitter(one, seat, ((0.0, first),)),
        casting.sitter(other, casting.same_seat(seat), ((begins, begins + then),)),
    )
    return Drawn(begins + then, (Scene(0.0, casting.backdrop(), layers),))


CATEGORIES: dict[str, Callable[[Casting], Drawn]] = {
    "seat-cut": seat_cut,
    "seat-gap": seat_gap,
    "crossing": crossing,
    "return": returns,
    "lookalikes": lookalikes,
    "poster": poster,
    "tv": television,
    "mirror": mirror,
    "scene-cut": scene_cut,
    "alone": alone,
    "background": background,
}
"""Kinds of case, in the order of the table."""


def script(cast: Cast, half: str, category: str, number: int) -> Script:
    """Return recording number `number` of a kind, drawn from its name alone."""
    name = f"{half}-{category}-{number:02d}"
    draw = np.random.default_rng(list(f"{name}/{PLAN_VERSION}".encode()))
    drawn = CATEGORIES[category](Casting(draw, cast, number))
    return Script(
        name=name,
        category=category,
        half=half,
        duration_s=drawn.duration_s,
        rate_hz=int(draw.choice([15, 20, 25], p=[0.6, 0.25, 0.15])),
        crf=int(draw.integers(20, 31)),
        noise=float(draw.uniform(1, 4)),
        scenes=drawn.scenes,
        exposures=drawn.exposures,
    )


@cache
def _films() -> tuple[Image, ...]:
    """Pictures without people that scikit-image ships, of the frame's size."""
    data: Any = importlib.import_module("skimage.data")
    pictures = (data.coffee(), data.chelsea(), data.rocket())
    return tuple(
        np.ascontiguousarray(
            cv2.resize(picture[..., ::-1], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        )
        for picture in pictures
    )
