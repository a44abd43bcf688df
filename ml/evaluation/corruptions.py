"""Seven ways a recording spoils a face, each at four strengths.

Strengths are relative to the picture's side, so that a 48-pixel crop and a 224-pixel
one lose alike. The choice follows Hendrycks and Dietterich (2019) where a way is theirs
(blur, noise, JPEG), and what recordings of respondents suffer from otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ml.data.records import ImageArray

_FULL_WELL_ELECTRONS = 4000
"""What a pixel of a small camera holds at full scale."""
_READ_NOISE_LEVELS = 1.0
"""Standard deviation of the read noise, grey levels."""

Spoil = Callable[[ImageArray, float, np.random.Generator], ImageArray]


@dataclass(frozen=True, slots=True)
class Corruption:
    """A way to spoil a picture.

    Attributes:
        name: What it is called in tables.
        unit: What a strength means.
        strengths: From mild to strong.
        apply: Takes a picture (grey or BGR, uint8), a strength and a random generator,
            and returns a new picture of the same shape.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    apply: Spoil

    def spoil(
        self, images: Sequence[ImageArray], strength: float, *, seed: int = 0
    ) -> list[ImageArray]:
        """Return pictures spoilt by chance that is the same each time."""
        generator = np.random.default_rng(seed)
        return [self.apply(image, strength, generator) for image in images]


def _blur(image: ImageArray, sigma_percent: float, _: np.random.Generator) -> ImageArray:
    sigma_px = sigma_percent / 100 * min(image.shape[:2])
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def _noise(image: ImageArray, deviation: float, generator: np.random.Generator) -> ImageArray:
    noise = generator.normal(0, deviation, image.shape)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def _jpeg(image: ImageArray, quality: float, _: np.random.Generator) -> ImageArray:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    mode = cv2.IMREAD_GRAYSCALE if image.ndim == 2 else cv2.IMREAD_COLOR
    return np.asarray(cv2.imdecode(data, mode), np.uint8)


def _darkness(image: ImageArray, light: float, generator: np.random.Generator) -> ImageArray:
    """Scale the light; add shot noise of the photons that are left, and read noise."""
    dark = image * light
    variance = dark * (255 / _FULL_WELL_ELECTRONS) + _READ_NOISE_LEVELS**2
    grain = generator.normal(0, 1, image.shape) * np.sqrt(variance)
    return np.asarray(np.clip(dark + grain, 0, 255), np.uint8)


def _occlusion(image: ImageArray, share: float, generator: np.random.Generator) -> ImageArray:
    height, width = image.shape[:2]
    side_y, side_x = round(height * share**0.5), round(width * share**0.5)
    top = int(generator.integers(0, height - side_y + 1))
    left = int(generator.integers(0, width - side_x + 1))
    covered = image.copy()
    covered[top : top + side_y, left : left + side_x] = 128
    return covered


def _rotation(image: ImageArray, degrees: float, generator: np.random.Generator) -> ImageArray:
    height, width = image.shape[:2]
    turn = degrees if generator.integers(2) else -degrees
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1)
    return np.asarray(
        cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _low_resolution(image: ImageArray, side_px: float, _: np.random.Generator) -> ImageArray:
    height, width = image.shape[:2]
    scale = side_px / min(height, width)
    if scale >= 1:
        return image.copy()
    size = (
        round(width * scale),
        round(height * scale),
    )
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption("blur", "sigma, % of the side", (1, 2, 4, 6), _blur),
    Corruption("noise", "standard deviation, grey levels", (5, 10, 20, 40), _noise),
    Corruption("JPEG", "quality", (50, 30, 15, 5), _jpeg),
    Corruption("darkness", "light left", (0.5, 0.25, 0.1, 0.05), _darkness),
    Corruption("occlusion", "share covered", (0.05, 0.1, 0.2, 0.3), _occlusion),
    Corruption("rotation", "degrees", (10, 20, 30, 45), _rotation),
    Corruption("low resolution", "side left, px", (32, 24, 16, 12), _low_resolution),
)
