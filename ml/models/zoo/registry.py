"""The networks by name, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Protocol

import torch
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.models.mobilenet import build_mobilenet_v2
from ml.models.zoo import cnn, published
from ml.models.zoo.mobilenet_v1 import MobileNetV1
from ml.models.zoo.resnet_v2 import ResNet50V2


class Builder(Protocol):
    """Builds an untrained network."""

    def __call__(self, *, classes: int, dropout: float) -> nn.Module:
        """Return a module from float32 (N, 3, side, side) to logits (N, classes)."""
        ...


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network of the zoo.

    Attributes:
        title: Its name for people.
        family: Networks of a family share a learning rate in a comparison.
        source: Where it is described.
        build: Its builder, at width 1.
    """

    title: str
    family: str
    source: str
    build: Builder


def _plain(title: str, plan: cnn.CnnPlan, blocks: str) -> Architecture:
    source = f"capstone comparison 2024; {blocks}"
    return Architecture(title, "cnn", source, partial(cnn.PlainCnn, plan))


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "baseline_cnn": _plain("Baseline CNN (grey)", cnn.BASELINE, "3 blocks, 1 dense layer"),
        "rgb_cnn": _plain("Baseline CNN (RGB)", cnn.RGB, "3 blocks, 2 dense layers"),
        "complex_cnn_5": _plain(
            "Complex CNN, 5 blocks (grey)", cnn.COMPLEX_5, "5 normalised blocks, 2 dense layers"
        ),
        "complex_cnn_6": _plain(
            "Complex CNN, 6 blocks (grey)", cnn.COMPLEX_6, "6 blocks, noise, 2 dense layers"
        ),
        "vgg16": Architecture(
            "VGG16", "vgg", "Simonyan and Zisserman 2015; torchvision", published.vgg16
        ),
        "resnet18": Architecture(
            "ResNet18", "resnet", "He et al. 2016; torchvision", published.resnet18
        ),
        "resnet50_v2": Architecture(
            "ResNet50V2", "resnet", "He et al. 2016 (identity mappings); Keras' layout", ResNet50V2
        ),
        "efficientnet_b0": Architecture(
            "EfficientNet-B0", "mobile", "Tan and Le 2019; torchvision", published.efficientnet_b0
        ),
        "efficientnet_v2_b2": Architecture(
            "EfficientNetV2-B2",
            "mobile",
            "Tan and Le 2021; torchvision's blocks",
            published.efficientnet_v2_b2,
        ),
        "mobilenet_v1": Architecture(
            "MobileNetV1", "mobile", "Howard et al. 2017; Keras' layout", MobileNetV1
        ),
        "mobilenet_v2": Architecture(
            "MobileNetV2", "mobile", "Sandler et al. 2018; torchvision", build_mobilenet_v2
        ),
    }
)


def build_network(
    name: str, *, classes: int, dropout: float = 0.2, width: float = 1.0
) -> nn.Module:
    """Return an untrained network in channels-last memory layout.

    Args:
        name: A key of `ARCHITECTURES`.
        classes: Number of outputs (logits).
        dropout: Share of features dropped before the classifier, 0 to 1.
        width: Channel multiplier; only MobileNetV2 defines one.

    The module maps float32 (N, 3, side, side) to logits (N, classes), for any side
    from 32 pixels; a grey picture is repeated over the three channels.

    Raises:
        ConfigurationError: No such network, or it has no channel multiplier.
    """
    if name not in ARCHITECTURES:
        raise ConfigurationError(
            "model.architecture", f"{name!r} is not one of {', '.join(ARCHITECTURES)}"
        )
    if name == "mobilenet_v2":
        return build_mobilenet_v2(classes=classes, dropout=dropout, width=width)
    if width != 1.0:
        raise ConfigurationError("model.width", f"{name} has no channel multiplier: leave it at 1")
    network = ARCHITECTURES[name].build(classes=classes, dropout=dropout)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
