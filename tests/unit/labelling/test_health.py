"""Weighted figures against scikit-learn's, and the rule of health."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from benchmarks.simulations.health import World, simulate
from include.contracts.labels import EXPRESSIONS
from include.labelling.estimate import Estimates, LabelledSample, estimate, truth
from include.labelling.health import Health, Reference, Rule, decide
from include.labelling.votes import ANSWERS
from include.statistics.estimate import Estimate
from ml.evaluation.metrics import calibration_error

N = 400


@pytest.fixture(scope="module")
def sample() -> LabelledSample:
    generator = np.random.default_rng(3)
    probabilities = generator.dirichlet(np.full(7, 0.5), N)
    labels = np.where(generator.random(N) < 0.7, probabilities.argmax(1), generator.integers(7))
    return LabelledSample(
        tuple(f"p{row % 40}" for row in range(N)),
        generator.uniform(0.05, 1, N),
        np.eye(len(ANSWERS), dtype=np.int64)[labels] * 2,
        probabilities,
        probabilities.max(axis=1) < 0.4,
    )


def test_figures_are_scikit_learns_with_sample_weights(sample: LabelledSample) -> None:
    found = estimate(sample, resamples=50).figures
    labels, answers = truth(sample.votes), sample.probabilities.argmax(1)
    weights = 1 / sample.inclusion_probabilities
    assert found["accuracy"].value == pytest.approx(
        sk.accuracy_score(labels, answers, sample_weight=weights)
    )
    assert found["macro_f1"].value == pytest.approx(
        sk.f1_score(labels, answers, average="macro", sample_weight=weights)
    )
    rows = sk.precision_recall_fscore_support(
        labels, answers, labels=range(7), sample_weight=weights
    )
    for name, row in zip(("precision", "recall", "f1"), rows, strict=False):
        values = [found[f"{name}_{label}"].value for label in EXPRESSIONS]
        assert values == pytest.approx(list(row))
    kept = ~sample.abstained
    assert found["accuracy_answered"].value == pytest.approx(
        sk.accuracy_score(labels[kept], answers[kept], sample_weight=weights[kept])
    )
    assert found["abstention_rate"].value == pytest.approx(
        np.average(sample.abstained, weights=weights)
    )
    assert all(f.low <= f.high for f in found.values())


def test_calibration_error_is_that_of_the_sealed_figures(sample: LabelledSample) -> None:
    everyone = LabelledSample(
        sample.respondents, np.ones(N), sample.votes, sample.probabilities, sample.abstained
    )
    confidence = sample.probabilities.max(1)
    correct = sample.probabilities.argmax(1) == truth(sample.votes)
    found = estimate(everyone, resamples=20)
    assert found.figures["ece"].value == pytest.approx(calibration_error(confidence, correct))
    assert found.effective_n == pytest.approx(N)


def test_ties_and_other_answers_cannot_be_judged() -> None:
    votes = np.zeros((4, 10), np.int64)
    votes[0, 2] = 3
    votes[1, [1, 4]] = 1
    votes[2, ANSWERS.index("not_a_face")] = 2
    votes[3, [0, 8]] = [2, 1]
    assert truth(votes).tolist() == [2, -1, -1, 0]


def test_labels_that_judge_nothing() -> None:
    votes = np.eye(10, dtype=np.int64)[[8, 9]]
    bad = LabelledSample(("a", "b"), np.ones(2), votes, np.full((2, 7), 1 / 7), np.ones(2, bool))
    found = estimate(bad, resamples=20)
    assert found.judged_n == 0
    assert found.figures["unjudged_share"].value == 1
    assert decide(found, [sealed()]).health is Health.WATCH
    with pytest.raises(ValueError, match="inclusion probabilities"):
        LabelledSample(("a", "b"), np.array([0.0, 1]), votes, np.ones((2, 7)), np.ones(2, bool))


def sealed(accuracy: float = 0.85) -> Reference:
    return Reference("the sealed figures", {"accuracy": around(accuracy, 0.01)})


def around(value: float, half: float) -> Estimate:
    return Estimate(value, value - half, value + half, 300)


def today(accuracy: float, half: float = 0.02, *, excess: float = 0.0, n: int = 300) -> Estimates:
    figures = {"accuracy": around(accuracy, half), "overconfidence": around(excess, 0.02)}
    return Estimates(n, n, 30, float(n), figures, ((0.0,) * 7,) * 7)


@pytest.mark.parametrize(
    ("window", "health", "said"),
    [
        (today(0.86), Health.HEALTHY, "No figure fell"),
        (today(0.81), Health.HEALTHY, "No figure fell"),
        (today(0.79), Health.WATCH, "Accuracy is seemingly lower than the sealed figures"),
        (today(0.70), Health.DEGRADED, "by more than 5 points: by 15.0"),
        (today(0.70, half=0.12), Health.WATCH, "seemingly"),
        (today(0.86, excess=0.2), Health.WATCH, "more confident than right"),
        (today(0.60, n=40), Health.WATCH, "Only 40 labels"),
        (today(math.nan), Health.WATCH, "no figure to compare"),
    ],
)
def test_the_rule(window: Estimates, health: Health, said: str) -> None:
    decision = decide(window, [sealed()])
    assert decision.health is health
    assert said in decision.reasons[0]


def test_a_fall_since_last_window_counts_even_above_the_sealed_figures() -> None:
    last = Reference("the last window", {"accuracy": around(0.95, 0.01)})
    decision = decide(today(0.85), [sealed(), last])
    assert decision.health is Health.DEGRADED
    assert "the last window" in decision.reasons[0]
    assert decide(today(0.85), [sealed(), last], Rule({"accuracy": 0.2})).health is Health.HEALTHY


def test_simulated_weeks_quiet_and_broken() -> None:
    world = World(respondents_n=40, instants_n=20, sealed_n=800, resamples=100)
    quiet, broken = simulate(world, 0.0, 8), simulate(world, 0.3, 4)
    assert quiet.counts[Health.DEGRADED] == 0
    assert broken.counts[Health.DEGRADED] == 4
    assert quiet.accuracy == pytest.approx(quiet.true_accuracy, abs=0.04)
