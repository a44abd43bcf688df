"""The four plain CNNs of the capstone comparison, built for 48x48 pictures.

The source ("Facial Emotion Detection", MIT-PE capstone of 2024, seven models on four
classes) gives each model's channels, number of convolution blocks, dense layers and
total of parameters, but no widths. The widths here are powers of two in 3x3 blocks that
reach that total exactly, counted as Keras counts (moving averages of the norms included)
for four classes: 684,036, 2,765,316, 1,839,876 and 3,412,100. In the first three they
double from block to block. The source says that its second CNN has slightly more blocks
than its first; here that is one more dense layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

_REFERENCE_SIDE_PX = 48
_LEAK = 0.1


@dataclass(frozen=True, slots=True)
class CnnPlan:
    """A stack of 3x3 convolution blocks, then dense layers.

    Attributes:
        channels: 1 where the network looks at the grey picture once, 3 for colour.
        widths: Channels out of each convolution block.
        pooled: Blocks (from 1) that end in 2x2 max pooling.
        normalised: Blocks (from 1) with batch normalisation.
        dense: Units of the dense layers before the output.
        dense_norm: Whether the dense layers are normalised.
        noise: Standard deviation of Gaussian noise added to the standardised input
            in training.
    """

    channels: int
    widths: tuple[int, ...]
    pooled: tuple[int, ...]
    normalised: tuple[int, ...]
    dense: tuple[int, ...]
    dense_norm: bool
    noise: float = 0.0


BASELINE = CnnPlan(
    channels=1,
    widths=(32, 64, 128),
    pooled=(1, 2, 3),
    normalised=(1, 2, 3),
    dense=(128,),
    dense_norm=False,
)
RGB = CnnPlan(
    channels=3,
    widths=(64, 128, 256),
    pooled=(1, 2, 3),
    normalised=(),
    dense=(256, 128),
    dense_norm=True,
)
COMPLEX_5 = CnnPlan(
    channels=1,
    widths=(32, 64, 128, 256, 512),
    pooled=(1, 2, 3, 4, 5),
    normalised=(2, 3, 4, 5),
    dense=(256, 512),
    dense_norm=True,
)
COMPLEX_6 = CnnPlan(
    channels=1,
    widths=(32, 64, 128, 128, 128, 512),
    pooled=(2, 4, 6),
    normalised=(2, 3, 4, 5, 6),
    dense=(128, 512),
    dense_norm=True,
    noise=0.1,
)


class PlainCnn(nn.Module):
    """Maps float32 (N, 3, side, side) to logits (N, classes).

    At sides other than 48 the last feature map is averaged to the grid that it has
    at 48, so that the dense layers keep their size.

    Args:
        plan: Widths and layers.
        classes: Number of outputs.
        dropout: Share dropped before the output and between dense layers, 0 to 1;
            half as much after each pooled block.
    """

    def __init__(self, plan: CnnPlan, *, classes: int, dropout: float) -> None:
        super().__init__()
        self._channels, self._noise = plan.channels, plan.noise
        layers: list[nn.Module] = []
        before = plan.channels
        for number, width in enumerate(plan.widths, start=1):
            layers.append(nn.Conv2d(before, width, 3, padding=1))
            if number in plan.normalised:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(_LEAK, inplace=True))
            if number in plan.pooled:
                layers += [nn.MaxPool2d(2), nn.Dropout(dropout / 2)]
            before = width
        self.features = nn.Sequential(*layers)
        self.grid = nn.AdaptiveAvgPool2d(_REFERENCE_SIDE_PX >> len(plan.pooled))
        self.classifier = _dense(plan, before, classes, dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=_LEAK, nonlinearity="leaky_relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) of standardised pictures (N, 3, side, side)."""
        seen = pictures[:, : self._channels]
        if self.training and self._noise:
            seen = seen + self._noise * torch.randn_like(seen)
        logits: torch.Tensor = self.classifier(self.grid(self.features(seen)))
        return logits


def _dense(plan: CnnPlan, channels: int, classes: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    before = channels * (_REFERENCE_SIDE_PX >> len(plan.pooled)) ** 2
    for width in plan.dense:
        layers.append(nn.Linear(before, width))
        if plan.dense_norm:
            layers.append(nn.BatchNorm1d(width))
        layers += [nn.LeakyReLU(_LEAK, inplace=True), nn.Dropout(dropout)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, classes))
