"""Invariance, direction and minimum function on real held-out faces."""

from __future__ import annotations

import numpy as np
import pytest

from include.contracts.labels import EXPRESSIONS
from ml.evaluation.behaviour import (
    BOUNDS,
    CHANGES,
    MORPH_STEPS,
    direction,
    easy_rows,
    invariance,
    minimum_function,
    morph,
    morph_pairs,
)

FACES = 240
PAIRS = 40
RESAMPLES = 200


@pytest.fixture(scope="module")
def invariances(package, held_out):
    rows = held_out.take(np.random.default_rng(0).permutation(len(held_out))[:FACES])
    checks = invariance(rows.images, package.probabilities, resamples=RESAMPLES)
    return {check.name: check for check in checks}


@pytest.mark.parametrize("name", [*CHANGES])
def test_answers_survive_small_changes(invariances, name):
    check = invariances[name]
    assert check.passes, f"{check.share.value:.3f} under {check.bound}"


def test_happiness_rises_on_the_way_from_neutral_to_happy(package, held_out):
    pairs = morph_pairs(held_out.images, held_out.labels, held_out.votes, "happiness", PAIRS)
    check = direction(pairs, "happiness", package.probabilities, resamples=RESAMPLES)
    assert check.passes, f"{check.share.value:.3f} under {check.bound}"


@pytest.mark.parametrize("target", ["happiness", "surprise", "sadness", "anger"])
def test_on_average_a_morph_gains_what_it_shows_and_loses_neutral(package, held_out, target):
    pairs = morph_pairs(held_out.images, held_out.labels, held_out.votes, target, PAIRS)
    assert len(pairs) >= 10
    frames = [picture for first, second in pairs for picture in morph(first, second)]
    curves = package.probabilities(frames).reshape(len(pairs), MORPH_STEPS, -1).mean(axis=0)
    shown, neutral = curves[:, EXPRESSIONS.index(target)], curves[:, EXPRESSIONS.index("neutral")]
    assert np.diff(shown).min() > -0.02
    assert shown[-1] > shown[0] + 0.5
    assert neutral[-1] < neutral[0] - 0.5


@pytest.fixture(scope="module")
def easy(package, held_out):
    rows = held_out.take(np.flatnonzero(easy_rows(held_out.votes)))
    answers = package.probabilities(rows.images).argmax(axis=1)
    return {
        check.name: check
        for check in minimum_function(answers, rows.labels, rows.votes, resamples=RESAMPLES)
    }


@pytest.mark.parametrize("name", [name for name in BOUNDS if name.startswith("easy")])
def test_easy_faces_are_answered(easy, name):
    check = easy[name]
    assert check.share.n >= 30
    assert check.passes, f"{check.share.value:.3f} of {check.share.n} under {check.bound}"
