"""What happens between grey pixels and the network, in training and inference.

The packed `inference.py` carries the same steps (it may import nothing of this
project); a test holds the two together.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from ml.models.names import CONTRAST_FLOOR, Normalisation

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Of red, green and blue on ImageNet, in units of full scale (torchvision's transforms)."""


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


def imagenet_normalise(grey: torch.Tensor) -> torch.Tensor:
    """Repeat grey to three channels and bring each to ImageNet's mean and deviation.

    Args:
        grey: float32 (N, 1, side, side), 0 to 1.

    Returns:
        float32 (N, 3, side, side), channels last.
    """
    mean = grey.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    deviation = grey.new_tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1)
    return ((grey - mean) / deviation).contiguous(memory_format=torch.channels_last)


def normalise(grey: torch.Tensor, how: Normalisation) -> torch.Tensor:
    """Turn float32 (N, 1, side, side), 0 to 1, into the network's input (N, 3, side, side)."""
    return imagenet_normalise(grey) if how == "imagenet" else standardise(grey)


def network_input(
    images: torch.Tensor,
    side: int,
    *,
    detail_side: int | None = None,
    normalisation: Normalisation = "picture",
) -> torch.Tensor:
    """Turn uint8 (N, height, width) into the network's input at `side` pixels.

    Larger pictures are first reduced to `detail_side`, where that is given.
    """
    grey = images.unsqueeze(1).float().div(255)
    if detail_side is not None and min(grey.shape[-2:]) > detail_side:
        grey = resize(grey, detail_side)
    return normalise(resize(grey, side), normalisation)
