"""The recipe's network, with the weights it starts from."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.models.pretrained import start_from
from ml.models.weights_file import load_weights
from ml.models.zoo import build_network
from ml.training.recipe import Recipe


def make_network(recipe: Recipe, hints: int = 0) -> nn.Module:
    """Return the network, initialised from the recipe's seed and its `model.weights`.

    Args:
        recipe: Architecture, classes, seed, weights.
        hints: Outputs after the classes: a teacher's features as the network says them.

    Raises:
        ConfigurationError: The weights cannot be had or belong to another network.
    """
    part = recipe.model
    torch.manual_seed(recipe.seed)
    network = build_network(
        part.architecture,
        classes=len(recipe.data.names) + hints,
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
    weights = load_weights(path, "model.weights")
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


def answering_weights(network: nn.Module, classes: int) -> dict[str, torch.Tensor]:
    """Return a network's weights without the outputs after the first `classes`."""
    weights = dict(network.state_dict())
    return weights | {name: weights[name][:classes].clone() for name in _head_names(network)}


def last_linear(network: nn.Module) -> str:
    """Return the name of the last linear layer: what it reads are the network's features."""
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return str(names[-1])


def _head_names(network: nn.Module) -> set[str]:
    head = last_linear(network)
    return {f"{head}.{key}" for key in network.get_submodule(head).state_dict()}
