"""The batch of each step: labelled pictures, and unlabelled ones beside them."""

from __future__ import annotations

import numpy as np
import torch

from ml.training.augment import augment, mix
from ml.training.examples import Examples
from ml.training.recipe import Recipe


class Batches:
    """Makes batches that follow from the recipe's seed and the step's number alone.

    Args:
        recipe: Seed, augmentation, share of unlabelled pictures.
        examples: The labelled rows, after balancing.
        taught: Unlabelled pictures with a teacher's targets, where the recipe asks for
            them.
        device: Where pictures are changed; they all fit there as bytes.
    """

    def __init__(
        self, recipe: Recipe, examples: Examples, taught: Examples | None, device: torch.device
    ) -> None:
        self._recipe, self._device = recipe, device
        self._images = torch.from_numpy(examples.images).to(device)
        self._targets = torch.from_numpy(examples.columns).to(device)
        self._taught: tuple[torch.Tensor, torch.Tensor] | None = None
        if taught is not None:
            self._taught = (
                torch.from_numpy(taught.images).to(device),
                torch.from_numpy(taught.columns).to(device),
            )

    def seed(self, number: int) -> int:
        """Return the seed of step `number` (from 0)."""
        return (self._recipe.seed * 1_000_003 + number) % 2**63

    def make(self, rows: np.ndarray, side: int, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return augmented pictures, float32 (M, 1, side, side), and targets (M, classes + D).

        Args:
            rows: Labelled rows of this step, shape (N,); M is N and the unlabelled share.
            side: Side of the network's input, pixels.
            number: Steps done before this one.
        """
        generator = torch.Generator().manual_seed(self.seed(number))
        index = torch.from_numpy(rows).to(self._device)
        grey = augment(self._images[index], side, self._recipe.augmentation, generator)
        targets = self._targets[index]
        part = self._recipe.distillation
        if self._taught is not None and part is not None:
            images, labels = self._taught
            drawn = np.random.default_rng((self._recipe.seed, number, 1))
            count = min(len(images), round(part.unlabelled_share * len(rows)))
            chosen = torch.from_numpy(drawn.choice(len(images), count, replace=False))
            chosen = chosen.to(self._device)
            changed = augment(images[chosen], side, part.augmentation, generator)
            grey = torch.cat([grey, changed])
            targets = torch.cat([targets, labels[chosen]])
        return mix(grey, targets, self._recipe.augmentation.mixup, generator)
