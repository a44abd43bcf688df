"""Optimiser, learning-rate schedule, averaged weights, sharpness-aware minimisation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ml.training.recipe import OptimiserPart


def make_optimiser(network: nn.Module, part: OptimiserPart) -> torch.optim.AdamW:
    """Return AdamW for a network; norms and biases are not decayed."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": part.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=part.learning_rate, fused=True)


def learning_rate(part: OptimiserPart, done: float, epochs: int) -> float:
    """Return the rate when the share `done` (0 to 1) of `epochs` epochs is behind."""
    warm = part.warmup_epochs / epochs
    if done < warm:
        return part.learning_rate * max(done / warm, 0.01)
    cosine = 0.5 * (1 + math.cos(math.pi * (done - warm) / max(1 - warm, 1e-9)))
    return part.learning_rate * (part.final_share + (1 - part.final_share) * cosine)


@torch.no_grad()
def average_into(averaged: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Move the averaged weights towards the network's (exponential moving average).

    Args:
        averaged: Changed in place.
        network: The network that trains.
        step: Steps done so far; the decay starts low and rises with it.
        decay: Its final value, 0 to 1.
    """
    decay = min(decay, (1 + step) / (10 + step))
    mine = list(averaged.state_dict().values())
    live = list(network.state_dict().values())
    floats = [(a, b) for a, b in zip(mine, live, strict=True) if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - decay)
    for a, b in zip(mine, live, strict=True):
        if not a.is_floating_point():
            a.copy_(b)


@contextmanager
def at_sharpest_nearby(network: nn.Module, rho: float) -> Iterator[None]:
    """Hold the weights at the worst point within `rho`, and clear their gradients.

    The first of the two steps of sharpness-aware minimisation (Foret et al. 2021): the
    weights move by `rho` along the normalised gradient they have; the caller computes
    the gradient there, and the weights return when the block ends. Running statistics
    of batch norms keep their values meanwhile: they belong to the real weights.
    """
    parameters = [p for p in network.parameters() if p.grad is not None]
    gradients = [p.grad for p in parameters if p.grad is not None]
    before = [p.detach().clone() for p in parameters]
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    with torch.no_grad():
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        scale = rho / (float(length) + 1e-12)
        torch._foreach_add_([p.data for p in parameters], gradients, alpha=scale)
    for norm in norms:
        norm.momentum = 0.0
    network.zero_grad(set_to_none=True)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
