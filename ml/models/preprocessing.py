"""What happens between grey pixels and the network, in training and inference.

The packed `inference.py` carries the same steps (it may import nothing of this
project); a test holds the two together.
"""

from __future__ import annotations

import torch
from torch.nn import functional

CONTRAST_FLOOR = 0.03
"""Smallest standard deviation divided by, in units of full scale: a flat
picture stays flat instead of becoming amplified noise."""


def resize(grey: torch.Tensor, side: int) -> torch.Tensor:
    """Resize float32 (N, 1, height, width) to (N, 1, side, side), bilinear, antialiased."""
    if grey.shape[-2:] == (side, side):
        return grey
    return functional.interpolate(
        grey, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )


def standardise(grey: torch.Tensor) -> torch.Tensor:
    """Give every picture mean 0 and standard deviation 1, repeated to three channels.

    Args:
        grey: float32 (N, 1, side, side), 0 to 1.

    Returns:
        float32 (N, 3, side, side), channels last.
    """
    mean = grey.mean(dim=(1, 2, 3), keepdim=True)
    deviation = grey.std(dim=(1, 2, 3), keepdim=True, correction=0).clamp_min(CONTRAST_FLOOR)
    return (
        ((grey - mean) / deviation)
        .expand(-1, 3, -1, -1)
        .contiguous(memory_format=torch.channels_last)
    )


def network_input(
    images: torch.Tensor, side: int, *, detail_side: int | None = None
) -> torch.Tensor:
    """Turn uint8 (N, height, width) into the network's input at `side` pixels.

    Larger pictures are first reduced to `detail_side`, where that is given.
    """
    grey = images.unsqueeze(1).float().div(255)
    if detail_side is not None and min(grey.shape[-2:]) > detail_side:
        grey = resize(grey, detail_side)
    return standardise(resize(grey, side))
