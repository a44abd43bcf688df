"""Grad-CAM (Selvaraju et al. 2017): which part of a picture an answer rests on.

Forty lines of torch and no library: `captum` resolves beside the lock but would be a
dependency for one figure, `grad-cam` asks for `opencv-python`, which displaces the
headless build.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

MIN_CELLS = 6
"""The map is taken from the last layer that is at least this many cells wide. The very
last one has two by two cells at an input of 64 pixels, four by four at 112: its maps
show a corner of the face, where eight by eight show the mouth or the brows."""


def explained_layer(network: nn.Module, batch: torch.Tensor) -> nn.Module:
    """Return the layer whose output Grad-CAM reads: the last one wide enough.

    Raises:
        ValueError: No layer yields a map of at least `MIN_CELLS` cells.
    """
    wide: list[nn.Module] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[-1] >= MIN_CELLS:
            wide.append(module)

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        with torch.no_grad():
            network(batch[:1])
    finally:
        for hook in hooks:
            hook.remove()
    if not wide:
        raise ValueError(f"no layer of the network is {MIN_CELLS} cells wide")
    return wide[-1]


def grad_cam(
    network: nn.Module, batch: torch.Tensor, classes: torch.Tensor, layer: nn.Module
) -> torch.Tensor:
    """Return a map per picture, 0 to 1, of what speaks for a class.

    The channels of the layer's output are weighted by the mean gradient of the class's
    logit, summed, and what speaks against the class is cut off.

    Args:
        network: In evaluation mode.
        batch: The network's input, (N, 3, side, side).
        classes: The class explained per picture, int64 (N,).
        layer: A module of the network with a four-dimensional output.

    Returns:
        float32 (N, side, side); all zero where nothing speaks for the class.
    """
    outputs: list[torch.Tensor] = []

    def keep(_: nn.Module, __: Any, output: torch.Tensor) -> None:
        outputs.append(output)

    hook = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network(batch.detach().requires_grad_(True))
            chosen = logits.gather(1, classes[:, None]).sum()
            (gradient,) = torch.autograd.grad(chosen, outputs[0])
    finally:
        hook.remove()
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    maps = (weights * outputs[0].detach()).sum(dim=1, keepdim=True).relu()
    maps = functional.interpolate(maps, size=batch.shape[-2:], mode="bilinear", align_corners=False)
    peak = maps.amax(dim=(2, 3), keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
    return (maps / peak)[:, 0].detach()
