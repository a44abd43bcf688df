"""Which damaged files a run makes: a container, a number and a seed name one, byte for byte."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.fuzz.mutations import MUTATIONS
from benchmarks.fuzz.recordings import CONTAINERS, sound_recordings


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged file. With the same libraries the same case has the same bytes."""

    container: str
    number: int
    seed: int

    @property
    def mutation(self) -> str:
        """The kind of damage: they take turns."""
        return list(MUTATIONS)[self.number % len(MUTATIONS)]

    @property
    def name(self) -> str:
        """A file name for it."""
        word = self.container.lower().replace(" ", "-")
        return f"{word}-{self.number:04d}{CONTAINERS[self.container].suffix}"

    def make(self) -> bytes:
        """Return its bytes."""
        sound = _sound(self.container)
        draw = np.random.default_rng(
            [self.seed, list(CONTAINERS).index(self.container), self.number]
        )
        first, second = (int(which) for which in draw.integers(0, len(sound), 2))
        marks = CONTAINERS[self.container].marks
        return MUTATIONS[self.mutation](sound[first], sound[second], marks, draw)


def cases(count: int, seed: int) -> list[Case]:
    """Return `count` cases: the containers take turns."""
    names = list(CONTAINERS)
    return [Case(names[at % len(names)], at // len(names), seed) for at in range(count)]


@cache
def _sound(container: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return sound_recordings(container, Path(folder))
