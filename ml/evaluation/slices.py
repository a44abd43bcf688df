"""Accuracy on parts of the pictures: dark ones, blurred ones, those people disagree on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, Bootstrap
from include.statistics.estimate import Estimate
from ml.data.records import ImageArray, VoteArray
from ml.evaluation.metrics import Labels, resampled_macro_f1

TOO_FEW = 30
"""Slices with fewer pictures get no figures: an interval over them says nothing."""

QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
AGREEMENT_EDGES = (0.0, 0.5, 0.7, 0.9, 1.0)
SIZE_EDGES_PX = (0, 40, 64, 112, 100_000)

_BLUR_SIDE_PX = 48


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the pictures; `accuracy` and `macro_f1` are None where it is too small.

    Attributes:
        quality: What the pictures are sorted by.
        part: Which part, with its bounds.
        n: Number of pictures.
        accuracy: Share of right answers.
        macro_f1: Mean F1 over the expressions that the part shows.
    """

    quality: str
    part: str
    n: int
    accuracy: Estimate | None
    macro_f1: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a slice that is too small says so."""
        document: dict[str, Any] = {"quality": self.quality, "part": self.part, "n": self.n}
        if self.accuracy is None or self.macro_f1 is None:
            return {**document, "too_few": True}
        figures = {"accuracy": self.accuracy.to_json(), "macro_f1": self.macro_f1.to_json()}
        return {**document, **figures}


@dataclass(frozen=True, slots=True)
class Qualities:
    """What is measured of every picture, each shape (N,).

    Attributes:
        brightness: Mean grey level, 0 to 255.
        contrast: Standard deviation of the grey level, 0 to 127.5.
        sharpness: Variance of the Laplacian (Pech-Pacheco et al. 2000) after reduction
            to 48 pixels, so that pictures of all sizes compare; little is blurred.
        side_px: Shorter side of the picture.
        agreement: Share of the votes for the seven expressions that the majority got.
        colour: Whether the channels differ anywhere.
    """

    brightness: FloatArray
    contrast: FloatArray
    sharpness: FloatArray
    side_px: npt.NDArray[np.int64]
    agreement: FloatArray
    colour: npt.NDArray[np.bool_]


def measure_qualities(images: Sequence[ImageArray], votes: VoteArray) -> Qualities:
    """Measure pictures (grey or BGR) and their votes (N, 10)."""
    greys = [_grey(image) for image in images]
    seven = votes[:, : len(EXPRESSIONS)].astype(np.float64)
    return Qualities(
        brightness=np.array([grey.mean() for grey in greys]),
        contrast=np.array([grey.std() for grey in greys]),
        sharpness=np.array([_sharpness(grey) for grey in greys]),
        side_px=np.array([min(grey.shape) for grey in greys], np.int64),
        agreement=seven.max(axis=1) / seven.sum(axis=1),
        colour=np.array([_is_colour(image) for image in images], np.bool_),
    )


def slices(
    qualities: Qualities, labels: Labels, answers: Labels, *, resamples: int = RESAMPLES
) -> tuple[Slice, ...]:
    """Return every slice, quality after quality, empty ones left out.

    Brightness, contrast and sharpness are cut at the quarters of the pictures
    themselves, size and agreement at fixed bounds.
    """
    parts: list[tuple[str, str, npt.NDArray[np.bool_]]] = []
    for name in ("brightness", "contrast", "sharpness"):
        parts += _quarters(name, getattr(qualities, name))
    parts += _agreement(qualities.agreement)
    parts += _sizes(qualities.side_px)
    parts += [("colour", "colour", qualities.colour), ("colour", "grey", ~qualities.colour)]
    return tuple(
        _slice(quality, part, labels[inside], answers[inside], resamples)
        for quality, part, inside in parts
        if inside.any()
    )


def _slice(quality: str, part: str, labels: Labels, answers: Labels, resamples: int) -> Slice:
    if len(labels) < TOO_FEW:
        return Slice(quality, part, len(labels), None, None)
    bootstrap = Bootstrap(len(labels), resamples=resamples)
    accuracy = bootstrap.mean((labels == answers).astype(np.float64))
    macro_f1 = resampled_macro_f1(bootstrap, labels, answers).estimate(len(labels))
    return Slice(quality, part, len(labels), accuracy, macro_f1)


def _quarters(name: str, values: FloatArray) -> list[tuple[str, str, npt.NDArray[np.bool_]]]:
    edges = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(QUARTERS) - 1)
    return [
        (name, f"{title}: {low:.0f} to {high:.0f}", index == place)
        for place, (title, low, high) in enumerate(
            zip(QUARTERS, edges[:-1], edges[1:], strict=True)
        )
    ]


def _agreement(shares: FloatArray) -> list[tuple[str, str, npt.NDArray[np.bool_]]]:
    parts = [
        (
            "vote agreement",
            f"{100 * low:.0f} to under {100 * high:.0f} %",
            (shares >= low) & (shares < high),
        )
        for low, high in itertools.pairwise(AGREEMENT_EDGES)
    ]
    return [*parts, ("vote agreement", "unanimous", shares >= 1)]


def _sizes(side_px: npt.NDArray[np.int64]) -> list[tuple[str, str, npt.NDArray[np.bool_]]]:
    parts = []
    for low, high in itertools.pairwise(SIZE_EDGES_PX):
        title = f"{low} px and more" if high == SIZE_EDGES_PX[-1] else f"{low} to {high - 1} px"
        parts.append(("picture side", title, (side_px >= low) & (side_px < high)))
    return parts


def _grey(image: ImageArray) -> ImageArray:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


def _sharpness(grey: ImageArray) -> float:
    scale = _BLUR_SIDE_PX / min(grey.shape)
    if scale < 1:
        size = (math.ceil(grey.shape[1] * scale), math.ceil(grey.shape[0] * scale))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _is_colour(image: ImageArray) -> bool:
    return image.ndim == 3 and bool((image != image[:, :, :1]).any())
