"""MobileNetV2 (Sandler et al. 2018) as torchvision builds it, for grey faces."""

from __future__ import annotations

import torch
from torch import nn

from include.contracts.labels import EXPRESSIONS
from ml.models.torchvision_compat import import_torchvision


def build_mobilenet_v2(
    *, classes: int = len(EXPRESSIONS), dropout: float = 0.2, width: float = 1.0
) -> nn.Module:
    """Return an untrained MobileNetV2 in channels-last memory layout.

    Args:
        classes: Number of outputs (logits).
        dropout: Share of features dropped before the classifier, 0 to 1.
        width: Channel multiplier of the architecture.

    The module maps float32 (N, 3, side, side) to logits (N, classes); a grey
    picture is repeated over the three channels.
    """
    module: nn.Module = import_torchvision().models.mobilenet_v2(
        weights=None, num_classes=classes, dropout=dropout, width_mult=width
    )
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
