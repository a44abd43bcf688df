"""What must hold on the committed photographs, without any data set."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from include.contracts.labels import EXPRESSIONS
from ml.evaluation.behaviour import CHANGES

HAPPINESS = EXPRESSIONS.index("happiness")


def _happiness(package, pictures):
    return package.probabilities(pictures)[:, HAPPINESS]


def test_a_smile_is_happiness_in_colour_in_grey_small_and_mirrored(package, portraits):
    answers = package.probabilities(list(portraits.values())).argmax(axis=1)
    assert answers.tolist() == [HAPPINESS] * len(portraits)


@pytest.mark.parametrize("name", [*CHANGES])
def test_small_changes_keep_the_answer(package, portraits, name):
    change, _ = CHANGES[name]
    before = package.probabilities(list(portraits.values()))
    after = package.probabilities([change(picture) for picture in portraits.values()])
    assert (after.argmax(axis=1) == before.argmax(axis=1)).all()


def test_colour_adds_nothing_to_a_face_trained_in_grey(package, portraits):
    portrait = portraits["portrait"]
    grey = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)
    colour, plain = _happiness(package, [portrait, grey])
    assert colour == pytest.approx(plain, abs=0.03)


def test_the_size_of_the_crop_hardly_matters(package, portraits):
    portrait = portraits["portrait"]
    sizes = [
        cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA) for side in (56, 80, 112)
    ]
    assert _happiness(package, sizes).min() > 0.5


def test_a_picture_does_not_depend_on_its_neighbours(package, portraits):
    portrait = portraits["portrait"]
    noise = np.random.default_rng(0).integers(0, 255, (33, 112, 112, 3), dtype=np.uint8)
    alone = package.probabilities([portrait])[0]
    among = package.probabilities([*noise, portrait])[-1]
    np.testing.assert_allclose(among, alone, atol=1e-3)


def test_covering_the_face_takes_the_certainty(package, portraits):
    portrait = portraits["portrait"]
    covered = portrait.copy()
    covered[:] = portrait.mean()
    seen, hidden = package.probabilities([portrait, covered])
    assert hidden[HAPPINESS] < seen[HAPPINESS]
    assert hidden.max() < 0.9


def test_probabilities_are_a_distribution(package, portraits):
    probabilities = package.probabilities(list(portraits.values()))
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
