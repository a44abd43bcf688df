"""Networks that torchvision has, or has the parts for, with a classifier for small faces.

All start from random weights. VGG16 and ResNet18 average over what is left of the
picture, so any side from 32 pixels works.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from ml.models.torchvision_compat import import_torchvision

_CLASSIFIER_DEVIATION = 0.01
"""As torchvision starts MobileNetV2's."""

_V2_B2_HEAD = 1408
_V2_B2_FUSED = ((1, 1, 32, 16, 2), (4, 2, 16, 32, 3), (4, 2, 32, 56, 3))
_V2_B2_DEPTHWISE = ((4, 2, 56, 104, 4), (6, 1, 104, 120, 6), (6, 2, 120, 208, 10))
"""Expansion, stride, channels in, channels out, layers: the B0 base scaled by width 1.1
and depth 1.2 (google/automl, `effnetv2_configs.py`, and Keras' `EfficientNetV2B2`)."""


def vgg16(*, classes: int, dropout: float) -> nn.Module:
    """VGG configuration D (Simonyan and Zisserman 2015), convolutions as published.

    As in the capstone, the three dense layers of 4096 units (120 million parameters
    made for 224 pixels) give way to one classifier.
    """
    vgg = import_torchvision().models.vgg
    features: nn.Sequential = vgg.make_layers(vgg.cfgs["D"], batch_norm=False)
    for module in features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return nn.Sequential(
        features,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(512, classes),
    )


def resnet18(*, classes: int, dropout: float) -> nn.Module:
    """ResNet18 (He et al. 2016) as torchvision builds it."""
    network: nn.Module = import_torchvision().models.resnet18(weights=None)
    network.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(512, classes))
    return network


def efficientnet_b0(*, classes: int, dropout: float) -> nn.Module:
    """EfficientNet-B0 (Tan and Le 2019) as torchvision builds it."""
    network: nn.Module = import_torchvision().models.efficientnet_b0(
        weights=None, num_classes=classes, dropout=dropout
    )
    _calm(network.get_submodule("classifier"))
    return network


def efficientnet_v2_b2(*, classes: int, dropout: float) -> nn.Module:
    """EfficientNetV2-B2 (Tan and Le 2021), from torchvision's blocks.

    torchvision names the sizes S, M and L only; its blocks with B2's widths and depths
    have the 8,769,374 parameters (moving averages included) of Keras' B2 without top.
    """
    parts = import_torchvision().models.efficientnet
    fused = [
        parts.FusedMBConvConfig(expansion, 3, stride, before, after, layers)
        for expansion, stride, before, after, layers in _V2_B2_FUSED
    ]
    depthwise = [
        parts.MBConvConfig(expansion, 3, stride, before, after, layers)
        for expansion, stride, before, after, layers in _V2_B2_DEPTHWISE
    ]
    network: nn.Module = parts.EfficientNet(
        [*fused, *depthwise],
        dropout=dropout,
        num_classes=classes,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
        last_channel=_V2_B2_HEAD,
    )
    _calm(network.get_submodule("classifier"))
    return network


def _calm(classifier: nn.Module) -> None:
    """Start a classifier near zero.

    torchvision draws an EfficientNet's within one over the root of the number of classes:
    right for a thousand, but with four the first loss is three times that of guessing.
    """
    for module in classifier.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=_CLASSIFIER_DEVIATION)
            nn.init.zeros_(module.bias)
