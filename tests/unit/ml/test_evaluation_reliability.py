from __future__ import annotations

import numpy as np
import pytest

from include.statistics.bootstrap import Bootstrap
from ml.evaluation.reliability import abstention, reliability, reliability_json, risk_coverage


def _calibrated(n=4000, seed=0):
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(0.15, 1, n)
    return confidence, generator.uniform(size=n) < confidence


def test_bins_of_calibrated_answers_lie_on_the_diagonal():
    confidence, correct = _calibrated()
    bins = reliability(Bootstrap(len(confidence)), confidence, correct)
    held = [
        item.accuracy.low - 0.02 <= item.mean_confidence <= item.accuracy.high + 0.02
        for item in bins
        if item.accuracy.n
    ]
    assert all(held)
    assert sum(item.accuracy.n for item in bins) == len(confidence)


def test_empty_bins_are_not_written():
    bins = reliability(Bootstrap(2), np.array([0.95, 0.99]), np.array([True, False]))
    (written,) = reliability_json(bins)
    assert written["accuracy"]["n"] == 2
    assert written["accuracy"]["value"] == 0.5


def test_the_curve_falls_to_the_accuracy_of_everything():
    confidence, correct = _calibrated()
    measured = abstention(Bootstrap(len(confidence)), confidence, correct, 0.5)
    accuracies = [point.accuracy.value for point in measured.curve]
    assert accuracies[0] == pytest.approx(correct.mean())
    assert accuracies == sorted(accuracies)
    coverage, accuracy = risk_coverage(confidence, correct)
    assert coverage[-1] == 1
    assert accuracy[-1] == pytest.approx(correct.mean())


def test_the_sealed_point_counts_answers_at_or_over_the_threshold():
    confidence = np.array([0.9, 0.8, 0.5, 0.4])
    correct = np.array([True, False, True, False])
    measured = abstention(Bootstrap(4), confidence, correct, 0.5)
    assert measured.sealed.coverage == measured.sealed_coverage.value == 0.75
    assert measured.sealed.accuracy.value == pytest.approx(2 / 3)


def test_the_area_is_less_where_confidence_sorts_better():
    confidence, correct = _calibrated()
    bootstrap = Bootstrap(len(confidence), resamples=200)
    good = abstention(bootstrap, confidence, correct, 0).area
    shuffled = np.random.default_rng(1).permutation(confidence)
    poor = abstention(bootstrap, shuffled, correct, 0).area
    assert good.high < poor.low
    assert poor.value == pytest.approx(1 - correct.mean(), abs=0.02)
    assert good.low < good.value < good.high


def test_the_area_by_hand():
    measured = abstention(Bootstrap(2), np.array([0.9, 0.6]), np.array([True, False]), 0)
    assert measured.area.value == pytest.approx((0 + 1 / 2) / 2)
