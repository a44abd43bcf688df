"""The permutation engine and its statistics, against scipy where it has the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, mannwhitneyu

from include.statistics import two_samples
from include.statistics.energy import energy_test
from include.statistics.permutation import Relabellings, compare_features, draw

N, M = 40, 60
CURRENT = np.arange(N + M) < N
ALONE = np.arange(N + M)


def labels(clusters: np.ndarray = ALONE, seed: int = 0) -> Relabellings:
    rng = np.random.default_rng(seed)
    return draw(CURRENT, clusters, permutations=999, rng=rng)


@pytest.mark.parametrize("shift", [0.0, 0.35, 0.6])
def test_rank_test_agrees_with_mann_whitney(shift: float) -> None:
    values = np.round(np.random.default_rng(3).normal(size=N + M), 1)  # with ties
    values[:N] += shift
    effect, p = compare_features(
        two_samples.rank_features(values), labels(), two_samples.mean_difference
    )
    known = mannwhitneyu(values[:N], values[N:])
    assert effect == pytest.approx(2 * known.statistic / (N * M) - 1)
    assert p == pytest.approx(known.pvalue, abs=0.04)


def test_ks_distance_is_close_to_the_exact_one_from_below() -> None:
    values = np.random.default_rng(4).normal(size=N + M)
    values[:N] *= 2.5  # the same level, another spread
    effect, p = compare_features(two_samples.ks_features(values), labels(), two_samples.ks_distance)
    known = ks_2samp(values[:N], values[N:])
    assert known.statistic - 0.06 <= effect <= known.statistic + 1e-9
    assert p == pytest.approx(known.pvalue, abs=0.03)


def test_js_distance_is_scipys_and_survives_empty_cells() -> None:
    p, q = np.array([[0.5, 0.5, 0.0]]), np.array([[0.1, 0.7, 0.2]])
    assert two_samples.js_distance(p, q)[0] == pytest.approx(jensenshannon(p[0], q[0], base=2))
    assert two_samples.js_distance(p, p)[0] == 0.0


def test_missing_figures_are_left_out() -> None:
    values = np.random.default_rng(5).normal(size=N + M)
    values[[0, 1, N, N + 1]] = np.nan
    effect, p = compare_features(values[:, None], labels(), two_samples.mean_difference)
    assert effect == pytest.approx(np.nanmean(values[:N]) - np.nanmean(values[N:]))
    assert 0 < p <= 1


def test_whole_clusters_keep_the_level_where_single_recordings_do_not() -> None:
    rejected = {"clusters": 0, "recordings": 0}
    trials = 60
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        clusters = np.arange(N + M) // 10  # 4 against 6
        values = (rng.normal(size=10)[clusters] + 0.3 * rng.normal(size=N + M))[:, None]
        for name, groups in (("clusters", clusters), ("recordings", ALONE)):
            drawn = draw(CURRENT, groups, permutations=199, rng=rng)
            _, p = compare_features(values, drawn, two_samples.mean_difference)
            rejected[name] += p <= 0.05
    assert rejected["clusters"] <= 8  # binomial(60, 0.05) exceeds 8 once in 1,000
    assert rejected["recordings"] > 20


def test_no_p_value_is_zero() -> None:
    values = np.where(CURRENT, 100.0, 0.0)[:, None]
    assert compare_features(values, labels(), two_samples.mean_difference) == (100.0, 0.001)


def test_energy_distance_sees_a_shift_and_nothing_where_there_is_none() -> None:
    vectors = np.random.default_rng(6).normal(size=(N + M, 8))
    quiet, p_quiet = energy_test(vectors, labels())
    vectors[:N, 0] += 1.5
    moved, p_moved = energy_test(vectors, labels())
    assert p_quiet > 0.05
    assert p_moved == 0.001
    assert 0 <= quiet < moved < 1


def test_energy_coefficient_is_its_definition() -> None:
    from scipy.spatial.distance import cdist

    vectors = np.random.default_rng(7).normal(size=(N + M, 3))
    x, y = vectors[:N], vectors[N:]
    cross = 2 * cdist(x, y).mean()
    expected = (cross - cdist(x, x).mean() - cdist(y, y).mean()) / cross
    assert energy_test(vectors, labels(ALONE // 5))[0] == pytest.approx(expected)


def test_equal_embeddings_are_no_drift() -> None:
    assert energy_test(np.ones((N + M, 3)), labels()) == (0.0, 1.0)


def test_psi() -> None:
    values = np.random.default_rng(8).normal(size=1000)
    assert two_samples.psi(values, values) == pytest.approx(0.0)
    assert two_samples.psi(values + 1, values) > 0.25
    assert two_samples.psi(np.zeros(5), np.zeros(5)) == 0.0
