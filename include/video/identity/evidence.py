"""What is known of who a face is: descriptors with looks, and how unlike two faces are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.video.identity.embedding import Descriptor
from include.video.identity.look import Look

LOOK_WEIGHT = 0.3
"""What a likeness of looks of 1 takes off the distance of two descriptors."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Descriptor and look of one face at one instant."""

    descriptor: Descriptor
    look: Look


def unlikeness(first: list[Evidence], second: list[Evidence]) -> npt.NDArray[np.float32]:
    """Return how unlike each face of one list is to each of another, len(first) x len(second).

    The distance of the descriptors less the likeness of the looks: within one
    recording, hair, skin and light of a person change less than between two
    people whom the descriptor alone takes for one. About -0.1..0.3 for one
    person, 0.3..0.8 for two (docs/decisions/0029-identity.md).
    """
    a, b = _descriptors(first), _descriptors(second)
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    looks = np.stack([e.look for e in first]) @ np.stack([e.look for e in second]).T
    result: npt.NDArray[np.float32] = np.sqrt(np.maximum(squared, 0)) - LOOK_WEIGHT * looks
    return result


def _descriptors(evidence: list[Evidence]) -> npt.NDArray[np.float32]:
    return np.stack([e.descriptor for e in evidence])


class Gallery:
    """A bounded choice of the evidence on one face or person: the first few, and the latest few.

    Args:
        size: How much is kept at most.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._kept: list[Evidence] = []
        self._taken = 0

    def add(self, evidence: Evidence) -> None:
        """Take one more piece of evidence."""
        first_kept = self._size // 2
        if len(self._kept) < self._size:
            self._kept.append(evidence)
        else:
            late = self._taken % (self._size - first_kept)
            self._kept[first_kept + late] = evidence
        self._taken += 1

    @property
    def evidence(self) -> list[Evidence]:
        """What is kept."""
        return self._kept

    def unlikeness(self, others: list[Evidence]) -> float:
        """Return the mean, over `others`, of how unlike each is to the nearest kept here."""
        return float(unlikeness(others, self._kept).min(axis=1).mean())
