"""ResNet50V2: residual units with the norm and ReLU before each convolution.

He et al. 2016, "Identity Mappings in Deep Residual Networks", in the layout that Keras
made widely used and the capstone comparison trained: a stack's stride stands in its last
unit, and that unit's shortcut is max pooled. torchvision has version 1 only.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_EXPANSION = 4
_STACKS = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))
"""Width, units and stride of each stack of ResNet50V2."""


class _Unit(nn.Module):
    """One bottleneck unit; `projected` gives it a 1x1 convolution as its shortcut."""

    def __init__(self, before: int, width: int, *, stride: int, projected: bool) -> None:
        super().__init__()
        after = width * _EXPANSION
        self._stride = stride
        self.norm = nn.BatchNorm2d(before)
        self.shortcut = nn.Conv2d(before, after, 1) if projected else None
        self.residual = nn.Sequential(
            nn.Conv2d(before, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, after, 1),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        active = functional.relu(self.norm(features))
        if self.shortcut is not None:
            kept = self.shortcut(active)
        elif self._stride > 1:
            kept = functional.max_pool2d(features, 1, stride=self._stride)
        else:
            kept = features
        result: torch.Tensor = kept + self.residual(active)
        return result


class ResNet50V2(nn.Module):
    """Maps float32 (N, 3, side, side) to logits (N, classes); any side from 32.

    Args:
        classes: Number of outputs.
        dropout: Share of features dropped before the classifier, 0 to 1.
    """

    def __init__(self, *, classes: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, stride=2, padding=3),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]
        before = 64
        for width, units, stride in _STACKS:
            for number in range(1, units + 1):
                layers.append(
                    _Unit(
                        before,
                        width,
                        stride=stride if number == units else 1,
                        projected=number == 1,
                    )
                )
                before = width * _EXPANSION
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(before), nn.ReLU(inplace=True))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) of standardised pictures (N, 3, side, side)."""
        logits: torch.Tensor = self.classifier(self.features(pictures).mean(dim=(2, 3)))
        return logits
