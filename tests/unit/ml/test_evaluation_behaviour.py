from __future__ import annotations

import itertools

import numpy as np
import pytest

from include.statistics.estimate import Estimate
from ml.evaluation.behaviour import (
    BOUNDS,
    CHANGES,
    MORPH_STEPS,
    Check,
    direction,
    easy_rows,
    invariance,
    minimum_function,
    morph,
    morph_pairs,
    rises,
)
from tests.unit.ml.conftest import generated_face

HAPPINESS, NEUTRAL = 3, 4


def _left_is_light(images):
    """A model that reads which half of a picture is lighter."""
    return np.eye(7)[[int(im[:, : im.shape[1] // 2].mean() > im.mean()) for im in images]]


def test_a_model_that_reads_sides_fails_the_mirror_alone():
    pictures = []
    for seed in range(20):
        picture = np.full((48, 48), 90, np.uint8)
        picture[:, :20] = 140 + seed
        pictures.append(picture)
    by_name = {check.name: check for check in invariance(pictures, _left_is_light, resamples=20)}
    assert by_name.keys() == CHANGES.keys()
    assert by_name["mirror"].share.value == 0
    assert by_name["mirror"].passes is False
    assert by_name["shift"].passes is True
    assert by_name["darker"].share.value == by_name["brighter"].share.value == 1


def test_changes_are_small_and_keep_the_shape():
    picture = generated_face(2, 0)
    for name, (change, _) in CHANGES.items():
        changed = change(picture)
        assert changed.shape == picture.shape, name
        assert changed.dtype == np.uint8
        assert not np.array_equal(changed, picture)


def test_a_morph_starts_and_ends_with_its_faces_in_one_light():
    first, second = generated_face(4, 0), generated_face(3, 0) // 2
    frames = morph(first, second)
    assert len(frames) == MORPH_STEPS
    assert np.array_equal(frames[0], first)
    assert frames[-1].mean() == pytest.approx(first.mean(), abs=2)
    steps = [np.abs(b.astype(int) - a).mean() for a, b in itertools.pairwise(frames)]
    assert max(steps) < 2 * min(steps)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([0.1, 0.4, 0.9], True),
        ([0.1, 0.5, 0.46, 0.9], True),
        ([0.1, 0.9, 0.5], False),
        ([0.5, 0.5, 0.5], False),
        ([0.9, 0.6, 0.2], False),
    ],
)
def test_what_counts_as_rising(series, expected):
    assert rises(np.array(series)) is expected


def test_direction_counts_the_morphs_that_rise():
    light, dark = np.full((8, 8), 200, np.uint8), np.full((8, 8), 20, np.uint8)
    dark[0], light[0] = 90, 120
    textured = [np.arange(64, dtype=np.uint8).reshape(8, 8) * step for step in (1, 3)]

    def answer(images):
        shares = np.zeros((len(images), 7))
        shares[:, HAPPINESS] = [image[7, 7] / 255 for image in images]
        return shares

    rising = (textured[0][::-1].copy(), textured[1])
    falling = (textured[1], textured[0][::-1].copy())
    check = direction([rising, falling], "happiness", answer, resamples=20)
    assert check.name == "neutral to happiness"
    assert check.bound == BOUNDS["neutral to happiness"]
    assert check.share.value == 0.5


def _votes(*casts):
    table = np.zeros((len(casts), 10), np.int64)
    for row, cast in enumerate(casts):
        for column, count in cast.items():
            table[row, column] = count
    return table


def test_easy_faces_are_unanimous_and_many():
    votes = _votes({3: 10}, {3: 9, 4: 1}, {3: 5}, {3: 9, 8: 1}, {4: 8})
    assert easy_rows(votes).tolist() == [True, False, False, False, True]


def test_minimum_function_counts_easy_faces_only():
    votes = _votes({3: 10}, {3: 10}, {4: 10}, {3: 6, 4: 4})
    labels = np.array([3, 3, 4, 3])
    checks = minimum_function(np.array([3, 4, 4, 0]), labels, votes, resamples=20)
    by_name = {check.name: check for check in checks}
    assert by_name["easy faces"].share.value == pytest.approx(2 / 3)
    assert by_name["easy faces"].passes is False
    assert by_name["easy happiness"].share.n == 2
    assert by_name["easy neutral"].passes is None
    assert minimum_function(labels[3:], labels[3:], votes[3:]) == ()


def test_pairs_are_easy_faces_of_one_size():
    pictures = [generated_face(label, 0) for label in (4, 4, 3, 3)]
    pictures[1] = np.zeros((50, 50), np.uint8)
    votes = _votes({4: 10}, {4: 5, 0: 5}, {3: 10}, {3: 6, 4: 4})
    pairs = morph_pairs(pictures, np.array([4, 4, 3, 3]), votes, "happiness", 9)
    assert len(pairs) == 1
    assert np.array_equal(pairs[0][0], pictures[0])
    assert np.array_equal(pairs[0][1], pictures[2])


def test_a_check_passes_at_its_bound():
    figure = Estimate(0.85, 0.8, 0.9, 100)
    assert Check("invariance", "mirror", "", figure, 0.85).passes
    assert not Check("invariance", "mirror", "", figure, 0.8501).passes
