"""Size and cost of a network, counted, not timed."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Return how many numbers training sets (moving averages of norms not counted)."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, side_px: int) -> int:
    """Return the floating-point operations of one picture, forward.

    Convolutions and matrix products, a multiply and an add as two (`torch.utils.
    flop_counter`); norms, activations and pooling are left out, as is usual.
    """
    picture = torch.zeros(1, 3, side_px, side_px).to(memory_format=torch.channels_last)
    training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(picture)
    network.train(training)
    return int(counter.get_total_flops())
