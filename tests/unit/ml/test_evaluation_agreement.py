from __future__ import annotations

import numpy as np
import pytest

from include.statistics.bootstrap import Bootstrap
from ml.evaluation.agreement import agreement


def _votes(rows):
    table = np.zeros((len(rows), 10), np.int64)
    for row, cast in enumerate(rows):
        for column, count in cast.items():
            table[row, column] = count
    return table


def _one_by_one(votes, answers):
    """The definition, annotator by annotator."""
    hits = machine = cases = 0.0
    for row, answer in zip(votes[:, :7], answers, strict=True):
        people = [label for label in range(7) for _ in range(row[label])]
        for person in people:
            others = np.bincount(people, minlength=7)
            others[person] -= 1
            if others.max() == 0 or (others == others.max()).sum() > 1:
                continue
            share = 1 / len(people)
            cases += share
            hits += share * (others.argmax() == person)
            machine += share * (others.argmax() == answer)
    return hits / cases, machine / cases


def test_the_ceiling_is_that_of_leaving_each_annotator_out():
    generator = np.random.default_rng(0)
    votes = np.zeros((60, 10), np.int64)
    votes[:, :7] = generator.multinomial(10, generator.dirichlet(np.full(7, 0.4)), size=60)
    votes[:, 8] = generator.integers(0, 3, 60)
    probabilities = generator.dirichlet(np.full(7, 0.5), size=60)
    measured = agreement(Bootstrap(60), probabilities, votes)
    human, machine = _one_by_one(votes, probabilities.argmax(axis=1))
    assert measured.annotator.value == pytest.approx(human)
    assert measured.model.value == pytest.approx(machine)
    assert measured.model_less_annotator.value == pytest.approx(machine - human)


def test_an_answer_like_the_votes_has_no_distance():
    votes = _votes([{0: 7, 5: 3}, {3: 10}])
    shares = votes[:, :7] / votes[:, :7].sum(axis=1, keepdims=True)
    measured = agreement(Bootstrap(2), shares, votes)
    assert measured.kl_divergence.value == pytest.approx(0, abs=1e-6)
    assert measured.js_divergence.value == pytest.approx(0, abs=1e-6)
    assert measured.cosine.value == pytest.approx(1)


def test_an_opposite_answer_is_as_far_as_can_be():
    measured = agreement(Bootstrap(1), np.eye(7)[[3]], _votes([{0: 10}]))
    assert measured.js_divergence.value == pytest.approx(1)
    assert measured.cosine.value == 0
    assert measured.kl_divergence.value > 10


def test_votes_for_no_expression_do_not_count():
    probabilities = np.full((1, 7), 1 / 7)
    without = agreement(Bootstrap(1), probabilities, _votes([{0: 4, 1: 2}]))
    with_them = agreement(Bootstrap(1), probabilities, _votes([{0: 4, 1: 2, 8: 3, 9: 1}]))
    assert with_them == without


def test_single_votes_have_no_ceiling():
    measured = agreement(Bootstrap(1), np.eye(7)[[0]], _votes([{0: 1}]))
    assert measured.annotator is None
    assert measured.to_json()["model"] is None
