"""The recipe's network, with the weights it starts from."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.models.pretrained import start_from
from ml.models.zoo import build_network
from ml.training.recipe import Recipe


def make_network(recipe: Recipe) -> nn.Module:
    """Return the network, initialised from the recipe's seed and its `model.weights`.

    Raises:
        ConfigurationError: The weights cannot be had or belong to another network.
    """
    part = recipe.model
    torch.manual_seed(recipe.seed)
    network = build_network(
        part.architecture,
        classes=len(recipe.data.names),
        dropout=part.dropout,
        width=part.width,
    )
    if part.weights_file is not None:
        start_from_file(network, part.weights_file)
    elif part.weights is not None:
        start_from(network, part.weights)
    return network


def start_from_file(network: nn.Module, path: Path) -> None:
    """Load weights that another training left; a head of another size keeps its values.

    Raises:
        ConfigurationError: The file cannot be read, or anything but the last layer
            differs; the message names the file and the first such tensor.
    """
    try:
        weights = load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ConfigurationError("model.weights", f"{path} cannot be read: {error}") from error
    own = network.state_dict()
    head = _head_names(network)
    if any(name in weights and weights[name].shape != own[name].shape for name in head):
        weights = {name: tensor for name, tensor in weights.items() if name not in head}
    wrong = [name for name in weights if name not in own or weights[name].shape != own[name].shape]
    wrong += [name for name in own if name not in weights and name not in head]
    if wrong:
        raise ConfigurationError(
            "model.weights", f"{path} is of another network: {wrong[0]} does not fit"
        )
    network.load_state_dict(weights, strict=False)


def _head_names(network: nn.Module) -> set[str]:
    """Return the names of the tensors of the last linear layer."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        return set()
    return {f"{linear[-1]}.{key}" for key in network.get_submodule(linear[-1]).state_dict()}
