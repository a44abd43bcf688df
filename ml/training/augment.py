"""Random changes of a whole batch at once, on tensors.

One affine resampling (flip, rotation, shift, zoom and the change to the network's
input size together), then light, erased patches and lost resolution. All randomness comes
from the generator passed in, so a resumed run repeats the same pictures.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from ml.training.recipe import AugmentationPart

_LOW_SIDES_PX = (16, 20, 24, 32)


def augment(
    images: torch.Tensor, side: int, part: AugmentationPart, generator: torch.Generator
) -> torch.Tensor:
    """Return changed pictures, float32 (N, 1, side, side), 0 to 1.

    Args:
        images: uint8 (N, height, width).
        side: Side of the result in pixels.
        part: Strength and probability of each change.
        generator: Source of all randomness.
    """
    grey = images.unsqueeze(1).float().div(255)
    grey = _lose_resolution(grey, part.low_resolution, generator)
    grey = _resample(grey, side, part, generator)
    grey = _relight(grey, part, generator)
    return _erase(grey, part.erase, generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _resample(
    grey: torch.Tensor, side: int, part: AugmentationPart, generator: torch.Generator
) -> torch.Tensor:
    count = len(grey)
    limit = math.radians(part.rotation_deg)
    angle = _uniform(count, -limit, limit, generator)
    scale = 1 / (1 + _uniform(count, -part.zoom, part.zoom, generator))
    mirror = torch.where(torch.rand(count, generator=generator) < part.flip, -1.0, 1.0)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    shift_x = _uniform(count, -2 * part.shift, 2 * part.shift, generator)
    shift_y = _uniform(count, -2 * part.shift, 2 * part.shift, generator)
    theta = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, shift_x], dim=1),
            torch.stack([sine * mirror, cosine, shift_y], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, [count, 1, side, side], align_corners=False)
    return functional.grid_sample(
        grey, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def _relight(
    grey: torch.Tensor, part: AugmentationPart, generator: torch.Generator
) -> torch.Tensor:
    count, side = len(grey), grey.shape[-1]
    exponent = _uniform(count, math.log(1 - part.gamma), -math.log(1 - part.gamma), generator).exp()
    grey = grey.clamp(0, 1).pow(exponent.view(-1, 1, 1, 1))
    ramp = torch.linspace(-0.5, 0.5, side)
    across = _uniform(count, -part.light_gradient, part.light_gradient, generator)
    down = _uniform(count, -part.light_gradient, part.light_gradient, generator)
    gain = 1 + across.view(-1, 1, 1, 1) * ramp + down.view(-1, 1, 1, 1) * ramp.view(-1, 1)
    return (grey * gain).clamp(0, 1)


def _erase(grey: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Random erasing (Zhong et al. 2020) of one patch of 2 to 20 % per chosen picture."""
    count, side = len(grey), grey.shape[-1]
    area = _uniform(count, 0.02, 0.2, generator)
    aspect = _uniform(count, math.log(0.4), math.log(2.5), generator).exp()
    height, width = (area * aspect).sqrt().clamp_max(1), (area / aspect).sqrt().clamp_max(1)
    top = torch.rand(count, generator=generator) * (1 - height)
    left = torch.rand(count, generator=generator) * (1 - width)
    chosen = torch.rand(count, generator=generator) < share
    fill = torch.rand(count, generator=generator).view(-1, 1, 1, 1)
    place = (torch.arange(side) + 0.5) / side
    in_rows = (place >= top[:, None]) & (place < (top + height)[:, None])
    in_columns = (place >= left[:, None]) & (place < (left + width)[:, None])
    patch = in_rows[:, None, :, None] & in_columns[:, None, None, :] & chosen[:, None, None, None]
    return torch.where(patch, fill, grey)


def _lose_resolution(grey: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    chosen = torch.rand(len(grey), generator=generator) < share
    pick = int(torch.randint(len(_LOW_SIDES_PX), (1,), generator=generator))
    if not bool(chosen.any()):
        return grey
    size = grey.shape[-2:]
    low = functional.interpolate(
        grey[chosen], size=(_LOW_SIDES_PX[pick],) * 2, mode="bilinear", antialias=True
    )
    result = grey.clone()
    result[chosen] = functional.interpolate(low, size=size, mode="bilinear", align_corners=False)
    return result


def mix(
    grey: torch.Tensor, targets: torch.Tensor, alpha: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixup (Zhang et al. 2018) with one coefficient per batch; `alpha` 0 changes nothing."""
    if alpha <= 0:
        return grey, targets
    partner = torch.randperm(len(grey), generator=generator)
    kept = float(1 - alpha * torch.rand(1, generator=generator) / 2)
    return kept * grey + (1 - kept) * grey[partner], kept * targets + (1 - kept) * targets[partner]
