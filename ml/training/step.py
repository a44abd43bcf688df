"""One training step: forward, loss, backward, optimiser, averaged weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ml.models.preprocessing import normalise
from ml.training.balancing import class_weights, log_prior
from ml.training.examples import Examples
from ml.training.optimisation import at_sharpest_nearby, average_into
from ml.training.recipe import LossPart, Recipe


class Objective:
    """Cross-entropy with label distributions, balanced as the recipe says.

    Unlabelled pictures are weighed and adjusted like labelled ones: a teacher that
    learnt from the same rows answers with their class shares.

    Args:
        part: Smoothing, balancing, flip consistency.
        examples: The training rows, for the sizes of the classes.
        device: Where logits live.
        hint_weight: Of the teacher's features, where the rows have them.
    """

    def __init__(
        self, part: LossPart, examples: Examples, device: torch.device, hint_weight: float = 0.0
    ) -> None:
        self._smoothing, self.flip_consistency = part.label_smoothing, part.flip_consistency
        self.classes, self._hint_weight = len(examples.names), hint_weight
        self._weight: torch.Tensor | None = None
        self._adjustment: torch.Tensor | None = None
        if part.balancing == "class_balanced_loss":
            weights = class_weights(examples, part.strength)
            self._weight = torch.tensor(weights, dtype=torch.float32, device=device)
        elif part.balancing == "logit_adjustment":
            adjustment = part.strength * log_prior(examples)
            self._adjustment = torch.tensor(adjustment, dtype=torch.float32, device=device)

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of outputs (N, classes + D) against targets of the same shape."""
        logits = outputs[:, : self.classes].float()
        if self._adjustment is not None:
            logits = logits + self._adjustment
        loss = functional.cross_entropy(
            logits, targets[:, : self.classes], weight=self._weight, label_smoothing=self._smoothing
        )
        if outputs.shape[1] == self.classes:
            return loss
        likeness = functional.cosine_similarity(
            outputs[:, self.classes :].float(), targets[:, self.classes :], dim=1
        )
        return loss + self._hint_weight * (1 - likeness.mean())


def divergence(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the mean symmetric Kullback-Leibler divergence of two logits (N, classes).

    As R-Drop (Liang et al. 2021) compares two answers for one input.
    """
    one, two = (logits.float().log_softmax(dim=1) for logits in (first, second))
    forth = functional.kl_div(one, two, reduction="batchmean", log_target=True)
    back = functional.kl_div(two, one, reduction="batchmean", log_target=True)
    return (forth + back) / 2


class Step:
    """Applies steps to a network, its optimiser and its averaged copy.

    Args:
        recipe: Normalisation, precision, gradient clip, SAM and decay.
        objective: The loss.
        network: Trains; on `device`.
        averaged: Follows it.
        optimiser: Of the network's parameters.
        device: Where all of it lives.
    """

    def __init__(
        self,
        recipe: Recipe,
        objective: Objective,
        network: nn.Module,
        averaged: nn.Module,
        optimiser: torch.optim.Optimizer,
        device: torch.device,
    ) -> None:
        self._recipe, self._objective = recipe, objective
        self._network, self._averaged, self._optimiser = network, averaged, optimiser
        self._device = device

    def __call__(
        self, grey: torch.Tensor, targets: torch.Tensor, *, rate: float, seed: int, number: int
    ) -> float:
        """Take one step and return its loss.

        Args:
            grey: Augmented pictures, float32 (N, 1, side, side), 0 to 1.
            targets: Label distributions and hints, float32 (N, classes + D).
            rate: Learning rate.
            seed: Of dropout.
            number: Steps done before this one.
        """
        part = self._recipe.optimiser
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        loss = self._backward(grey, targets, seed)
        if part.sam_rho > 0:
            with at_sharpest_nearby(self._network, part.sam_rho):
                self._backward(grey, targets, seed)
        nn.utils.clip_grad_norm_(self._network.parameters(), part.gradient_clip)
        self._optimiser.step()
        average_into(self._averaged, self._network, number, part.ema_decay)
        return float(loss)

    def _backward(self, grey: torch.Tensor, targets: torch.Tensor, seed: int) -> torch.Tensor:
        # Both passes of SAM drop the same features.
        torch.manual_seed(seed)
        weight = self._objective.flip_consistency
        if weight > 0:
            grey = torch.cat([grey, grey.flip(3)])
        pictures = normalise(grey, self._recipe.input.normalisation)
        half = self._recipe.precision == "bf16"
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=half):
            logits = self._network(pictures)
        if weight > 0:
            plain, mirrored = logits.chunk(2)
            loss = (self._objective(plain, targets) + self._objective(mirrored, targets)) / 2
            classes = self._objective.classes
            loss = loss + weight * divergence(plain[:, :classes], mirrored[:, :classes])
        else:
            loss = self._objective(logits, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
