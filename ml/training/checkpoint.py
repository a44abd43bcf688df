"""Checkpoints without pickle: one safetensors file, replaced atomically.

Tensors are the network, its averaged copy and the optimiser's moments; the
counters and the recipe's name travel as JSON in the file's metadata.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from include.contracts.errors import ConfigurationError


@dataclass(slots=True)
class Progress:
    """Where a run stands: `step` batches of epoch `epoch` are done (both from 0).

    The best epoch (from 1) is the one with the least log-loss on validation: a
    proper score moves with every picture, accuracy only with those near a border.
    """

    recipe: str
    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    best_epoch: int = 0
    best_log_loss: float = 1e9
    best_accuracy: float = 0.0


def save_checkpoint(
    path: Path,
    network: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, never half."""
    tensors = {f"network.{k}": v.contiguous() for k, v in network.state_dict().items()}
    tensors |= {f"averaged.{k}": v.contiguous() for k, v in averaged.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": v.contiguous() for k, v in state.items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"progress": json.dumps(asdict(progress))})
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(path)


def load_checkpoint(
    path: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer
) -> Progress:
    """Restore all three in place and return the counters.

    Raises:
        ConfigurationError: The file is not a checkpoint of this architecture.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = Progress(**json.loads(file.metadata()["progress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(_part(tensors, "network."))
        averaged.load_state_dict(_part(tensors, "averaged."))
    except Exception as error:
        raise ConfigurationError("--out", f"{path} is not a checkpoint of this run") from error
    state: dict[int, dict[str, torch.Tensor]] = {}
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    for name, tensor in _part(tensors, "optimiser.").items():
        index, field = name.split(".")
        parameter = parameters[int(index)]
        # The fused kernel walks memory: moments must lie as their parameter does.
        same_shape = tensor.shape == parameter.shape
        laid_out = torch.empty_like(parameter, requires_grad=False) if same_shape else tensor
        state.setdefault(int(index), {})[field] = laid_out.copy_(tensor)
    if state:
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return progress


def save_weights(path: Path, network: nn.Module) -> None:
    """Write a network's weights alone."""
    partial = path.with_suffix(".partial")
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, partial)
    partial.replace(path)


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
