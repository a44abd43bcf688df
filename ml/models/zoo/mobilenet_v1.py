"""MobileNet (Howard et al. 2017), which torchvision does not have, in Keras' layout."""

from __future__ import annotations

import torch
from torch import nn

_STAGES = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
"""Channels out and stride of each depthwise separable block."""


class MobileNetV1(nn.Module):
    """The network of width 1; its strided convolutions pad right and below, as Keras' do.

    Args:
        classes: Number of outputs (logits).
        dropout: Share of features dropped before the classifier, 0 to 1.
    """

    def __init__(self, *, classes: int, dropout: float) -> None:
        super().__init__()
        channels = 32
        blocks: list[nn.Module] = [_unit(3, channels, 3, 2, groups=1)]
        for out, stride in _STAGES:
            blocks.append(_unit(channels, channels, 3, stride, groups=channels))
            blocks.append(_unit(channels, out, 1, 1, groups=1))
            channels = out
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, classes))
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Turn float32 (N, 3, side, side) into logits (N, classes)."""
        pooled = self.features(pictures).mean(dim=(2, 3))
        return self.classifier(pooled)  # type: ignore[no-any-return]


def _unit(before: int, after: int, kernel: int, stride: int, *, groups: int) -> nn.Sequential:
    pad: list[nn.Module] = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
    inside = kernel // 2 if stride == 1 else 0
    convolution = nn.Conv2d(before, after, kernel, stride, inside, groups=groups, bias=False)
    return nn.Sequential(*pad, convolution, nn.BatchNorm2d(after), nn.ReLU6(inplace=True))
