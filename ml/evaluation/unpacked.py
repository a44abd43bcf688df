"""A package's network outside of its packed code, for what needs gradients.

The packed code answers in inference mode and may fold layers; this is the network as it
was trained, with the input that the signature describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.data.records import ImageArray
from ml.models.mobilenet import build_mobilenet_v2
from ml.models.names import ARCHITECTURE
from ml.models.preprocessing import network_input
from ml.packaging.build import WEIGHTS_MEMBER
from ml.packaging.signature import Signature
from ml.packaging.unpack import read_package


def load_network(package: Path, signature: Signature) -> nn.Module:
    """Return the network with the package's weights, in evaluation mode.

    Raises:
        ConfigurationError: The architecture is not one that this tree builds.
    """
    architecture = signature.architecture
    if architecture.name != ARCHITECTURE:
        raise ConfigurationError("--model", f"{package} holds a {architecture.name!r}")
    network = build_mobilenet_v2(classes=len(signature.labels), width=architecture.width)
    network.load_state_dict(load(read_package(package)[WEIGHTS_MEMBER]))
    return network.eval()


def network_batch(images: Sequence[ImageArray], signature: Signature) -> torch.Tensor:
    """Return the network's input (N, 3, side, side) for grey or BGR pictures of any size."""
    steps = signature.preprocessing
    rows = [
        network_input(
            torch.from_numpy(_grey(image))[None],
            signature.input.side_px,
            detail_side=steps.detail_side_px,
            normalisation=steps.normalisation,
        )
        for image in images
    ]
    return torch.cat(rows)


def _grey(image: ImageArray) -> ImageArray:
    if image.ndim == 2:
        return np.ascontiguousarray(image)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
