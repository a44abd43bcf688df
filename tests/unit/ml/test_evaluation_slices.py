from __future__ import annotations

import cv2
import numpy as np
import pytest

from ml.evaluation.slices import TOO_FEW, measure_qualities, slices
from tests.unit.ml.conftest import generated_face


def _votes(n, top=9):
    votes = np.zeros((n, 10), np.int64)
    votes[:, 0], votes[:, 1] = top, 10 - top
    return votes


def test_qualities_order_pictures_as_people_would():
    sharp = generated_face(3, 0)
    pictures = [sharp, cv2.GaussianBlur(sharp, (0, 0), 2), sharp // 3, 100 + sharp // 4]
    found = measure_qualities(pictures, _votes(4))
    assert found.sharpness[1] < 0.2 * found.sharpness[0]
    assert found.brightness[2] < found.brightness[0]
    assert found.contrast[3] < found.contrast[0]


def test_sharpness_does_not_depend_on_the_size():
    small = cv2.GaussianBlur(generated_face(2, 1), (0, 0), 1)
    large = cv2.resize(small, (192, 192), interpolation=cv2.INTER_CUBIC)
    found = measure_qualities([small, large], _votes(2))
    assert found.sharpness[1] == pytest.approx(found.sharpness[0], rel=0.35)
    assert found.side_px.tolist() == [48, 192]


def test_grey_pictures_with_three_channels_are_grey():
    grey = generated_face(1, 0)
    stacked = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    tinted = stacked.copy()
    tinted[..., 2] = np.minimum(255, tinted[..., 2].astype(int) + 9)
    assert measure_qualities([grey, stacked, tinted], _votes(3)).colour.tolist() == [
        False,
        False,
        True,
    ]


def test_slices_cover_each_quality_once_and_small_ones_say_too_few():
    n = 200
    pictures = [np.full((48, 48), 20 + i, np.uint8) for i in range(n)]
    votes = _votes(n)
    votes[: TOO_FEW - 1] = _votes(TOO_FEW - 1, top=10)
    labels = np.zeros(n, np.int64)
    answers = labels.copy()
    answers[:50] = 1
    found = slices(measure_qualities(pictures, votes), labels, answers, resamples=20)
    for quality in {item.quality for item in found}:
        assert sum(item.n for item in found if item.quality == quality) == n
    dark, *_, light = [item for item in found if item.quality == "brightness"]
    assert (dark.accuracy.value, light.accuracy.value) == (0, 1)
    (unanimous,) = [item for item in found if item.part == "unanimous"]
    assert unanimous.accuracy is None
    assert unanimous.to_json()["too_few"] is True
