"""Behavioural checks of a model: invariance, direction, minimum function.

After Ribeiro et al. (2020), "Beyond accuracy: behavioral testing": what a user may take
for granted, whatever the accuracy is. `tests/model` holds the shipped package to
`BOUNDS`; every evaluation page shows the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, Bootstrap
from include.statistics.estimate import Estimate
from ml.data.records import ImageArray, VoteArray
from ml.evaluation.metrics import Labels
from ml.evaluation.robustness import Answer

Change = Callable[[ImageArray], ImageArray]

SHIFT_SHARE = 0.04
GAIN = 0.85
GAMMA = 1.2
MORPH_STEPS = 11
MORPH_TOLERANCE = 0.05
"""How far the probability may fall back on the way of a morph."""
EASY_VOTES = 8
"""An easy face got at least so many votes, all for one expression."""

BOUNDS: Mapping[str, float] = MappingProxyType(
    {
        "mirror": 0.85,
        "shift": 0.85,
        "darker": 0.95,
        "brighter": 0.95,
        "neutral to happiness": 0.80,
        "easy faces": 0.95,
        "easy happiness": 0.95,
        "easy surprise": 0.90,
    }
)
"""Smallest share that passes, by check."""


@dataclass(frozen=True, slots=True)
class Check:
    """One behaviour.

    Attributes:
        kind: `invariance`, `direction` or `minimum function`.
        name: A key of `BOUNDS` where a bound is set.
        says: What the share counts, for people.
        share: Share of the cases that behave.
        bound: Smallest share that passes, or None: shown only.
    """

    kind: str
    name: str
    says: str
    share: Estimate
    bound: float | None

    @property
    def passes(self) -> bool | None:
        """Whether the share reaches the bound; None without one."""
        return None if self.bound is None else self.share.value >= self.bound

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "says": self.says,
            "share": self.share.to_json(),
            "bound": self.bound,
            "passes": self.passes,
        }


def mirror(image: ImageArray) -> ImageArray:
    """Return the picture seen in a mirror."""
    return np.ascontiguousarray(image[:, ::-1])


def shift(image: ImageArray) -> ImageArray:
    """Move the picture right and down by 4 % of its side, edges continued."""
    pixels = max(1, round(SHIFT_SHARE * min(image.shape[:2])))
    matrix = np.array([[1.0, 0.0, pixels], [0.0, 1.0, pixels]])
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def darker(image: ImageArray) -> ImageArray:
    """Take 15 % of the light away."""
    return np.asarray(image * GAIN, np.uint8)


def brighter(image: ImageArray) -> ImageArray:
    """Lift the middle tones by a gamma of 1.2."""
    return np.asarray(255 * (image / 255.0) ** (1 / GAMMA), np.uint8)


CHANGES: Mapping[str, tuple[Change, str]] = MappingProxyType(
    {
        "mirror": (mirror, "keep their answer in the mirror"),
        "shift": (shift, f"keep their answer moved by {100 * SHIFT_SHARE:.0f} % of the side"),
        "darker": (darker, f"keep their answer with {100 * (1 - GAIN):.0f} % less light"),
        "brighter": (brighter, f"keep their answer with a gamma of {GAMMA}"),
    }
)


def invariance(
    images: Sequence[ImageArray], answer: Answer, *, resamples: int = RESAMPLES
) -> tuple[Check, ...]:
    """Return the share of pictures whose answer survives each of `CHANGES`."""
    bootstrap = Bootstrap(len(images), resamples=resamples)
    before = answer(list(images)).argmax(axis=1)
    checks = []
    for name, (change, says) in CHANGES.items():
        after = answer([change(image) for image in images]).argmax(axis=1)
        share = bootstrap.mean((after == before).astype(np.float64))
        checks.append(Check("invariance", name, f"pictures {says}", share, BOUNDS.get(name)))
    return tuple(checks)


def morph(first: ImageArray, second: ImageArray, steps: int = MORPH_STEPS) -> list[ImageArray]:
    """Cross-fade two grey pictures of one size in `steps` pictures, both ends included.

    The second is brought to the light and contrast of the first, so that only the face
    changes on the way.
    """
    start, end = first.astype(np.float64), second.astype(np.float64)
    end = (end - end.mean()) / max(end.std(), 1.0) * start.std() + start.mean()
    return [
        np.asarray(np.clip(start + (end - start) * share, 0, 255), np.uint8)
        for share in np.linspace(0, 1, steps)
    ]


def rises(probabilities: FloatArray, tolerance: float = MORPH_TOLERANCE) -> bool:
    """Tell whether a series rises and never falls more than `tolerance` below its highest."""
    highest = np.maximum.accumulate(probabilities)
    fallback = float((highest - probabilities).max())
    return fallback <= tolerance and float(probabilities[-1]) > float(probabilities[0])


def direction(
    pairs: Sequence[tuple[ImageArray, ImageArray]],
    target: str,
    answer: Answer,
    *,
    resamples: int = RESAMPLES,
) -> Check:
    """Return the share of morphs on which the target's probability rises throughout.

    Args:
        pairs: Pictures of a neutral face and of one that shows `target`, same size.
        target: An expression.
        answer: Probabilities (N, 7) of pictures.
        resamples: Bootstrap resamples of the pairs.
    """
    column = EXPRESSIONS.index(target)
    frames = [picture for first, second in pairs for picture in morph(first, second)]
    curves = answer(frames)[:, column].reshape(len(pairs), MORPH_STEPS)
    share = Bootstrap(len(pairs), resamples=resamples).mean(
        np.array([rises(curve) for curve in curves], np.float64)
    )
    name = f"neutral to {target}"
    says = (
        f"morphs from a neutral face to one of {target} on which the probability of {target} "
        f"rises, nowhere falling back by more than {MORPH_TOLERANCE}"
    )
    return Check("direction", name, says, share, BOUNDS.get(name))


def morph_pairs(
    images: Sequence[ImageArray], labels: Labels, votes: VoteArray, target: str, count: int
) -> list[tuple[ImageArray, ImageArray]]:
    """Pick up to `count` pairs of easy grey faces of one size: neutral, `target`."""
    easy = easy_rows(votes)
    neutral = np.flatnonzero(easy & (labels == EXPRESSIONS.index("neutral")))
    shown = np.flatnonzero(easy & (labels == EXPRESSIONS.index(target)))
    generator = np.random.default_rng(0)
    pairs = zip(generator.permutation(neutral), generator.permutation(shown), strict=False)
    chosen = [(images[first], images[second]) for first, second in pairs]
    same = [pair for pair in chosen if pair[0].shape == pair[1].shape and pair[0].ndim == 2]
    return same[:count]


def easy_rows(votes: VoteArray) -> npt.NDArray[np.bool_]:
    """Tell which pictures people agree on completely, shape (N,)."""
    total = votes.sum(axis=1)
    strongest = votes[:, : len(EXPRESSIONS)].max(axis=1)
    return np.asarray((total >= EASY_VOTES) & (strongest == total), np.bool_)


def minimum_function(
    answers: Labels, labels: Labels, votes: VoteArray, *, resamples: int = RESAMPLES
) -> tuple[Check, ...]:
    """Return the accuracy on easy faces, of all and per expression that has some."""
    easy = easy_rows(votes)
    if not easy.any():
        return ()
    bootstrap = Bootstrap(len(labels), resamples=resamples)
    right = answers == labels
    says = f"faces right that at least {EASY_VOTES} people named, all alike"
    checks = [_easy("easy faces", says, bootstrap.share(right, easy))]
    for index, label in enumerate(EXPRESSIONS):
        among = easy & (labels == index)
        if among.any():
            name, text = f"easy {label}", f"such faces of {label} right"
            checks.append(_easy(name, text, bootstrap.share(right, among)))
    return tuple(checks)


def _easy(name: str, says: str, share: Estimate) -> Check:
    return Check("minimum function", name, says, share, BOUNDS.get(name))
