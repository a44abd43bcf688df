"""The named weights, and how a network gets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.models.torchvision_compat import import_torchvision
from ml.models.weights_file import load_weights

TORCHVISION = "IMAGENET1K_V2"
"""All blocks of MobileNetV2, as torchvision publishes them (download.pytorch.org)."""
IMAGENET_NPM = "imagenet-npm"
"""Its first eleven blocks, for users whose network reaches a package registry only."""
VGGFACE2_NPM = "vggface2-npm"
"""All blocks of MobileNet, trained on faces."""

ARCHITECTURE_OF: Mapping[str, str] = MappingProxyType(
    {TORCHVISION: "mobilenet_v2", IMAGENET_NPM: "mobilenet_v2", VGGFACE2_NPM: "mobilenet_v1"}
)
"""The network of the zoo that each name's weights belong to."""

FOLDER = Path("var/pretrained")


def start_from(network: nn.Module, name: str, folder: Path = FOLDER) -> None:
    """Load the named weights into `network`; what they do not hold keeps its values.

    Raises:
        ConfigurationError: The name is unknown, or its weights cannot be had; the
            message says how to get them.
    """
    if name not in ARCHITECTURE_OF:
        raise ConfigurationError(
            "model.weights", f"{name!r} is none of {', '.join(ARCHITECTURE_OF)}"
        )
    weights = _published() if name == TORCHVISION else _fetched(name, folder)
    network.load_state_dict(weights, strict=False)


def _published() -> dict[str, torch.Tensor]:
    published = import_torchvision().models.MobileNet_V2_Weights.IMAGENET1K_V2
    try:
        weights = published.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise ConfigurationError(
            "model.weights", f"{published.url} cannot be reached: {error}"
        ) from error
    return {k: v for k, v in weights.items() if not k.startswith("classifier.")}


def _fetched(name: str, folder: Path) -> dict[str, torch.Tensor]:
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        raise ConfigurationError(
            "model.weights", f"{path} is not there: run python -m ml.models.pretrained {name}"
        )
    return load_weights(path, "model.weights")
