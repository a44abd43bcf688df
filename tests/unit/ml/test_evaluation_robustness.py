from __future__ import annotations

import cv2
import numpy as np
import pytest

from ml.evaluation.corruptions import CORRUPTIONS, Corruption
from ml.evaluation.robustness import robustness
from tests.unit.ml.conftest import generated_face

BY_NAME = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)


def _smooth(side=48):
    face = cv2.GaussianBlur(generated_face(3, 0), (0, 0), 1)
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)


@BY_NAME
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_pictures_keep_their_shape_and_get_worse_with_strength(corruption, colour):
    picture = _smooth()
    if colour:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    before = picture.copy()
    distances = []
    for strength in corruption.strengths:
        spoilt = corruption.apply(picture, strength, np.random.default_rng(0))
        assert spoilt.shape == picture.shape
        assert spoilt.dtype == np.uint8
        distances.append(float(np.abs(spoilt.astype(float) - picture).mean()))
    assert distances[0] > 0
    assert distances == sorted(distances)
    assert np.array_equal(picture, before)


@BY_NAME
def test_the_same_seed_gives_the_same_picture(corruption):
    strength = corruption.strengths[1]
    first, second = (
        corruption.apply(_smooth(), strength, np.random.default_rng(3)) for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_blur_is_relative_to_the_size():
    blur = next(c for c in CORRUPTIONS if c.name == "blur")
    losses = []
    for side in (48, 192):
        picture = _smooth(side)
        spoilt = blur.apply(picture, 4, np.random.default_rng(0))
        losses.append(np.abs(spoilt.astype(float) - picture).mean())
    assert losses[1] == pytest.approx(losses[0], rel=0.2)


def _by_brightness(images):
    """A model that answers 0 for dark pictures and 1 for light ones."""
    return np.eye(7)[[int(image.mean() > 100) for image in images]]


def _darkened(image, light, _):
    return np.asarray(image * light, np.uint8)


def test_losses_are_counted_on_the_same_pictures():
    images = [np.full((8, 8), level, np.uint8) for level in (50, 60, 110, 220)]
    labels = np.array([0, 1, 1, 1])
    corruption = Corruption("less light", "left", (0.9, 0.1), _darkened)
    (curve,) = robustness(images, labels, _by_brightness, corruptions=[corruption], resamples=50)
    assert curve.clean.value == 0.75
    mild, strong = curve.strengths
    assert (mild.accuracy.value, mild.loss.value, mild.unchanged.value) == (0.5, 0.25, 0.75)
    assert (strong.accuracy.value, strong.loss.value, strong.unchanged.value) == (0.25, 0.5, 0.5)
    assert curve.to_json()["strengths"][1]["strength"] == 0.1
