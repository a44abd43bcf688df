"""What is done about classes of very different size; one of six options.

`strength` (recipe key `loss.balancing_strength`) means:

=====================  ==============================================================
none                   nothing; every picture once an epoch
weighted_sampler       exponent s: a picture is drawn with a chance of 1 / n_class ** s,
                       with replacement; 1 draws every class equally often
class_balanced_loss    beta of Cui et al. 2019, "Class-Balanced Loss Based on Effective
                       Number of Samples": class weight (1 - beta) / (1 - beta ** n)
logit_adjustment       tau of Menon et al. 2021, "Long-tail learning via logit
                       adjustment": tau * log(class share) joins the logits in training
undersampling          classes are cut, once, to n_smallest ** s * n ** (1 - s) pictures
smote                  classes are filled up, once, to n_largest ** s * n ** (1 - s) with
                       pictures between neighbours (Chawla et al. 2002)
=====================  ==============================================================

Whatever the option, an epoch is as many pictures as the training set holds, so that
runs compared side by side take the same number of steps. Every draw follows from the
recipe's seed and the epoch alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from include.contracts.errors import ConfigurationError
from ml.training.examples import Examples
from ml.training.recipe import LossPart

_NEIGHBOURS = 5

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class EpochSampler:
    """The training set after balancing, and the order of each epoch.

    Args:
        examples: The training rows.
        part: Option and strength.
        seed: The recipe's seed.

    Attributes:
        examples: The rows that are drawn from: for `undersampling` fewer, for `smote`
            more than there were.
    """

    def __init__(self, examples: Examples, part: LossPart, seed: int) -> None:
        self._seed, self._part, self._length = seed, part, len(examples)
        if part.balancing == "undersampling":
            examples = examples.select(undersampled_rows(examples, part.strength, seed))
        elif part.balancing == "smote":
            examples = with_synthetic(examples, part.strength, seed)
        self.examples = examples

    def order(self, epoch: int) -> Rows:
        """Return the rows of `examples` in the order epoch number `epoch` (from 0) sees them."""
        generator = np.random.default_rng((self._seed, epoch))
        size = len(self.examples)
        if self._part.balancing == "weighted_sampler":
            chance = sampling_shares(self.examples, self._part.strength)
            return generator.choice(size, self._length, p=chance)
        passes = -(-self._length // size)
        order = np.concatenate([generator.permutation(size) for _ in range(passes)])
        return order[: self._length]


def sampling_shares(examples: Examples, exponent: float) -> Floats:
    """Return each row's chance to be drawn, shape (N,), sum 1."""
    weight = 1.0 / np.maximum(examples.counts(), 1) ** exponent
    chance = weight[examples.labels]
    return np.asarray(chance / chance.sum())


def class_weights(examples: Examples, beta: float) -> Floats:
    """Return the class-balanced weights of Cui et al., shape (classes,), mean 1."""
    counts = np.maximum(examples.counts(), 1)
    weights = (1 - beta) / (1 - beta**counts)
    return np.asarray(weights * len(weights) / weights.sum())


def log_prior(examples: Examples) -> Floats:
    """Return the logarithm of each class's share of all targets, shape (classes,)."""
    mass = examples.targets.sum(axis=0, dtype=np.float64)
    return np.asarray(np.log(np.maximum(mass, 1e-9) / mass.sum()))


def undersampled_rows(examples: Examples, strength: float, seed: int) -> Rows:
    """Return the rows that stay, ascending."""
    from imblearn.under_sampling import RandomUnderSampler

    sampler = RandomUnderSampler(
        sampling_strategy=_wanted(examples, strength, largest=False), random_state=seed % 2**32
    )
    sampler.fit_resample(np.zeros((len(examples), 1), np.uint8), examples.labels)
    return np.sort(np.asarray(sampler.sample_indices_, np.int64))


def with_synthetic(examples: Examples, strength: float, seed: int) -> Examples:
    """Return the rows followed by synthetic ones.

    A synthetic picture lies between two training pictures of one class, neighbours
    in pixel space, and its target between their targets at the same place.

    Raises:
        ConfigurationError: A class has a single picture, which has no neighbour.
    """
    from imblearn.over_sampling import SMOTE

    counts = examples.counts()
    lonely = [name for name, n in zip(examples.names, counts, strict=True) if n == 1]
    if lonely:
        raise ConfigurationError(
            "loss.balancing", f"smote needs two pictures of {', '.join(lonely)}, there is one"
        )
    pixels = examples.images.reshape(len(examples), -1).astype(np.float32)
    # Targets travel as further columns; at 0 to 1 beside 0 to 255 they choose no neighbour.
    columns = np.concatenate([pixels, examples.columns], axis=1)
    smallest = int(counts[counts > 0].min())
    sampler = SMOTE(
        sampling_strategy=_wanted(examples, strength, largest=True),
        k_neighbors=min(_NEIGHBOURS, smallest - 1),
        random_state=seed % 2**32,
    )
    grown, _ = sampler.fit_resample(columns, examples.labels)
    made = np.asarray(grown[len(examples) :], np.float32)
    images = made[:, : pixels.shape[1]].round().clip(0, 255).astype(np.uint8)
    both = np.concatenate([examples.columns, made[:, pixels.shape[1] :]])
    classes = len(examples.names)
    return Examples(
        np.concatenate([examples.images, images.reshape(-1, *examples.images.shape[1:])]),
        both[:, :classes],
        examples.names,
        both[:, classes:],
    )


def _wanted(examples: Examples, strength: float, *, largest: bool) -> dict[int, int]:
    counts = examples.counts().astype(np.float64)
    present = np.flatnonzero(counts)
    goal = counts.max() if largest else counts[present].min()
    wanted = np.rint(goal**strength * counts[present] ** (1 - strength)).astype(int)
    return {int(label): int(count) for label, count in zip(present, wanted, strict=True)}
