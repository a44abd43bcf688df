"""Checkpoints without pickle: one safetensors file, replaced atomically.

Tensors are the network, its averaged copy and the optimiser's moments; the
counters and the recipe's name travel as JSON in the file's metadata.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from include.contracts.documents import Form
from include.contracts.errors import ConfigurationError
from ml.files import written_whole


@dataclass(slots=True)
class Progress:
    """Where a run stands: `step` batches of epoch `epoch` are done (both from 0).

    The best epoch (from 1) is the one that the recipe's `stopping.metric` prefers: by
    default the one with the least log-loss on validation. A proper score moves with
    every picture, accuracy only with those near a border.

    Attributes:
        recipe: Its name.
        epoch: Finished epochs.
        step: Finished steps of the epoch under way.
        total_steps: Finished steps of the run.
        best_epoch: 0 before the first validation.
        best_log_loss: Of the best epoch.
        best_accuracy: Of the best epoch.
        loss_sum: Of the finished steps of the epoch under way.
        loss_steps: How many steps `loss_sum` adds up.
        seconds: Time spent in training steps, over all sessions of the run.
    """

    recipe: str
    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    best_epoch: int = 0
    best_log_loss: float = 1e9
    best_accuracy: float = 0.0
    loss_sum: float = 0.0
    loss_steps: int = 0
    seconds: float = 0.0

    @property
    def mean_loss(self) -> float:
        """Mean loss of the epoch under way, over every session; NaN before its first step."""
        return self.loss_sum / self.loss_steps if self.loss_steps else math.nan

    def add_step(self, loss: float, seconds: float) -> None:
        """Count a finished step."""
        self.step += 1
        self.total_steps += 1
        self.loss_sum += loss
        self.loss_steps += 1
        self.seconds += seconds

    def end_epoch(self) -> None:
        """Count a finished epoch."""
        self.epoch += 1
        self.step, self.loss_sum, self.loss_steps = 0, 0.0, 0


PROGRESS = Form(Progress, undefined=True)
"""A loss may be undefined: the training then ends with its own words."""


def save_checkpoint(
    path: Path,
    network: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Write a checkpoint; a reader sees the old one or the new one, never half."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in averaged.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": v for k, v in state.items()}
    _write(path, tensors, {"progress": PROGRESS.line(progress)})


def load_checkpoint(
    path: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer
) -> Progress:
    """Restore all three in place and return the counters.

    Raises:
        ConfigurationError: The file is damaged, or of another network; the message
            names it and what to do.
    """
    try:
        with safe_open(path, framework="pt") as file:
            progress = PROGRESS.read(file.metadata()["progress"], "progress")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "--out",
            f"{path} is damaged or not a checkpoint ({error}): delete it and the training "
            "starts again, or name another folder",
        ) from error
    try:
        network.load_state_dict(_part(tensors, "network."))
        averaged.load_state_dict(_part(tensors, "averaged."))
        _restore_optimiser(optimiser, _part(tensors, "optimiser."))
    except (RuntimeError, ValueError, IndexError) as error:
        raise ConfigurationError(
            "--out",
            f"{path} is a checkpoint of another network than the recipe's: name another folder, "
            f"or give the recipe it was made with ({error})",
        ) from error
    return progress


def save_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write weights alone."""
    _write(path, weights, None)


def _write(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None) -> None:
    with written_whole(path) as partial:
        save_file({k: v.contiguous() for k, v in tensors.items()}, partial, metadata=metadata)
        with partial.open("rb") as written:
            os.fsync(written.fileno())


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    for name, tensor in tensors.items():
        index, field = name.split(".")
        parameter = parameters[int(index)]
        # The fused kernel walks memory: moments must lie as their parameter does.
        same_shape = tensor.shape == parameter.shape
        laid_out = torch.empty_like(parameter, requires_grad=False) if same_shape else tensor
        state.setdefault(int(index), {})[field] = laid_out.copy_(tensor)
    if state:
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
