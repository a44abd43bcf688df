"""Every balancing option against counts and weights worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.records import VOTE_NAMES, FaceTable
from ml.training.balancing import EpochSampler, class_weights, log_prior
from ml.training.examples import Examples, scored_examples, training_examples
from ml.training.recipe import DataPart, LossPart
from ml.training.step import Objective

COUNTS = (40, 10, 160)


def _examples(counts=COUNTS, side=4) -> Examples:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    # Each class has a brightness range of its own: where a picture came from shows.
    low = (labels * 80)[:, None, None]
    images = (low + generator.integers(0, 60, (len(labels), side, side))).astype(np.uint8)
    targets = np.full((len(labels), len(counts)), 0.1, np.float32)
    targets[np.arange(len(labels)), labels] = 1 - 0.1 * (len(counts) - 1)
    return Examples(images, targets, tuple("abcdefg"[: len(counts)]))


def _drawn(balancing: str, strength: float | None = None, epochs: int = 1) -> np.ndarray:
    """How often each class is drawn, mean per epoch."""
    part = LossPart(balancing=balancing, balancing_strength=strength)
    sampler = EpochSampler(_examples(), part, seed=3)
    labels = sampler.examples.labels
    rows = np.concatenate([sampler.order(epoch) for epoch in range(epochs)])
    return np.bincount(labels[rows], minlength=3) / epochs


@pytest.mark.parametrize("balancing", ["none", "class_balanced_loss", "logit_adjustment"])
def test_options_of_the_loss_draw_every_picture_once(balancing):
    sampler = EpochSampler(_examples(), LossPart(balancing=balancing), seed=3)
    assert sorted(sampler.order(0)) == list(range(sum(COUNTS)))
    assert not np.array_equal(sampler.order(0), sampler.order(1))


@pytest.mark.parametrize(
    "balancing", ["none", "weighted_sampler", "undersampling", "smote", "logit_adjustment"]
)
def test_an_epoch_follows_from_seed_and_number_and_has_the_same_length(balancing):
    first, second = (
        EpochSampler(_examples(), LossPart(balancing=balancing), seed=3) for _ in range(2)
    )
    first.order(0)  # what was drawn before must not matter
    assert np.array_equal(first.order(5), second.order(5))
    assert np.array_equal(first.examples.images, second.examples.images)
    assert len(first.order(0)) == sum(COUNTS)
    other = EpochSampler(_examples(), LossPart(balancing=balancing), seed=4)
    assert not np.array_equal(first.order(5), other.order(5))


def test_the_weighted_sampler_draws_classes_alike():
    assert _drawn("weighted_sampler", epochs=60) == pytest.approx([70, 70, 70], rel=0.05)


def test_the_weighted_samplers_strength_is_an_exponent():
    # n * n ** -0.5: the square roots 6.3, 3.2 and 12.6 share 210 draws.
    roots = np.sqrt(COUNTS)
    expected = 210 * roots / roots.sum()
    assert _drawn("weighted_sampler", 0.5, epochs=80) == pytest.approx(expected, rel=0.06)


def test_undersampling_cuts_every_class_to_the_smallest_once():
    sampler = EpochSampler(_examples(), LossPart(balancing="undersampling"), seed=3)
    assert sampler.examples.counts().tolist() == [10, 10, 10]
    assert _drawn("undersampling").tolist() == [70, 70, 70]
    half = EpochSampler(
        _examples(), LossPart(balancing="undersampling", balancing_strength=0.5), seed=3
    )
    assert half.examples.counts().tolist() == [20, 10, 40]
    originals = {image.tobytes() for image in _examples().images}
    assert {image.tobytes() for image in sampler.examples.images} <= originals


def test_smote_fills_classes_up_with_pictures_between_training_pictures():
    examples = _examples()
    grown = EpochSampler(examples, LossPart(balancing="smote"), seed=3).examples
    assert grown.counts().tolist() == [160, 160, 160]
    assert np.array_equal(grown.images[: len(examples)], examples.images)
    assert np.array_equal(grown.targets[: len(examples)], examples.targets)
    made = grown.select(np.arange(len(examples), len(grown)))
    for label in (0, 1):
        pixels = made.images[made.labels == label]
        # Between pictures of its own class, whose range no other class touches.
        assert pixels.min() >= 80 * label
        assert pixels.max() < 80 * label + 60
    assert made.counts().tolist() == [120, 150, 0]
    np.testing.assert_allclose(made.targets.sum(axis=1), 1, atol=1e-5)
    assert grown.images.dtype == np.uint8


def test_smote_interpolates_targets_with_the_pictures():
    examples = _examples((3, 3, 8))
    examples.targets[:3] = [[0.9, 0.1, 0], [0.5, 0.3, 0.2], [0.7, 0, 0.3]]
    grown = EpochSampler(examples, LossPart(balancing="smote"), seed=1).examples
    made = grown.select(np.arange(len(examples), len(grown)))
    own = made.targets[made.labels == 0]
    assert len(np.unique(own[:, 0])) > 1
    assert own[:, 0].min() >= 0.5
    assert own[:, 0].max() <= 0.9


def test_smote_needs_two_pictures_of_a_class():
    with pytest.raises(ConfigurationError, match=r"loss\.balancing.*two pictures of b"):
        EpochSampler(_examples((4, 1, 8)), LossPart(balancing="smote"), seed=1)


def test_class_balanced_weights_by_hand():
    beta = 0.9
    raw = np.array([(1 - beta) / (1 - beta**n) for n in COUNTS])
    expected = raw * 3 / raw.sum()
    assert class_weights(_examples(), beta) == pytest.approx(expected)
    # beta 0 weighs nothing; beta towards 1 weighs by 1 / n.
    assert class_weights(_examples(), 0) == pytest.approx([1, 1, 1])
    inverse = 1 / np.array(COUNTS)
    assert class_weights(_examples(), 1 - 1e-9) == pytest.approx(
        inverse * 3 / inverse.sum(), rel=1e-3
    )


def _loss(part: LossPart, logits, targets) -> float:
    objective = Objective(part, _examples(), torch.device("cpu"))
    return float(objective(torch.tensor(logits), torch.tensor(targets)))


LOGITS = np.array([[1.0, -0.5, 0.2], [0.1, 0.4, -1.0]], np.float32)
TARGETS = np.array([[0.8, 0.2, 0.0], [0.0, 0.5, 0.5]], np.float32)


def _log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_the_plain_loss_by_hand():
    expected = -(TARGETS * _log_softmax(LOGITS)).sum(axis=1).mean()
    assert _loss(LossPart(), LOGITS, TARGETS) == pytest.approx(expected)


def test_label_smoothing_by_hand():
    smoothed = 0.9 * TARGETS + 0.1 / 3
    expected = -(smoothed * _log_softmax(LOGITS)).sum(axis=1).mean()
    assert _loss(LossPart(label_smoothing=0.1), LOGITS, TARGETS) == pytest.approx(expected)


def test_the_class_balanced_loss_by_hand():
    weights = class_weights(_examples(), 0.9)
    expected = -(weights * TARGETS * _log_softmax(LOGITS)).sum(axis=1).mean()
    part = LossPart(balancing="class_balanced_loss", balancing_strength=0.9)
    assert _loss(part, LOGITS, TARGETS) == pytest.approx(expected)


def test_logit_adjustment_by_hand():
    # The class shares of the targets, not of the labels: 0.8 n + 0.1 of all the others.
    shares = np.array([0.8 * n + 0.1 * (210 - n) for n in COUNTS]) / 210
    assert log_prior(_examples()) == pytest.approx(np.log(shares), rel=1e-5)
    adjusted = _log_softmax(LOGITS + 1.5 * np.log(shares))
    expected = -(TARGETS * adjusted).sum(axis=1).mean()
    part = LossPart(balancing="logit_adjustment", balancing_strength=1.5)
    assert _loss(part, LOGITS, TARGETS) == pytest.approx(expected, rel=1e-5)


def _table(*votes: dict[str, int]) -> FaceTable:
    cast = np.array([[row.get(name, 0) for name in VOTE_NAMES] for row in votes], np.int64)
    images = np.arange(len(votes), dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    keys = tuple(str(i) for i in range(len(votes)))
    return FaceTable(keys, images, cast, ("ferplus",) * len(votes))


def _voted() -> FaceTable:
    single = [{name: 10} for name in EXPRESSIONS]
    return _table(
        *single,
        {"neutral": 5, "sadness": 3, "fear": 2},  # soft
        {"neutral": 4, "sadness": 4},  # no unique majority
        {"unknown": 9, "fear": 1},  # not usable
    )


def test_soft_and_majority_labels():
    soft = training_examples(_voted(), DataPart())
    assert len(soft) == 9
    neutral, sadness, fear = (EXPRESSIONS.index(n) for n in ("neutral", "sadness", "fear"))
    assert soft.targets[7, [neutral, sadness, fear]] == pytest.approx([0.5, 0.3, 0.2])
    hard = training_examples(_voted(), DataPart(labels="majority"))
    assert len(hard) == 8
    assert hard.targets[7, neutral] == 1
    assert hard.targets.sum() == 8


def test_a_subset_of_the_classes():
    part = DataPart(classes=("surprise", "happiness", "sadness", "neutral"))
    assert part.names == ("happiness", "neutral", "sadness", "surprise")
    soft = training_examples(_voted(), part)
    assert [part.names[label] for label in soft.labels[:4]] == list(part.names)
    assert soft.targets[4] == pytest.approx([0, 5 / 8, 3 / 8, 0])  # fear's share is dropped
    scored = scored_examples(_voted(), part)
    assert [part.names[label] for label in scored.labels] == [*part.names, "neutral"]


def test_an_empty_class_is_named():
    with pytest.raises(ConfigurationError, match="no training picture shows disgust, surprise"):
        training_examples(
            _table({"anger": 9}, {"fear": 9}, {"happiness": 9}, {"neutral": 9}, {"sadness": 9}),
            DataPart(),
        )
