"""Random changes of a whole batch at once, on tensors of any device.

RandAugment, blur and noise where asked for, lost resolution, one affine resampling (flip,
rotation, shift, zoom and the change to the network's input size together), then light
and erased patches. All numbers are drawn on the CPU from the generator passed in, so a
resumed run repeats the same pictures, with or without a GPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from ml.models.torchvision_compat import import_torchvision
from ml.training.recipe import AugmentationPart

_LOW_SIDES_PX = (16, 20, 24, 32)
_BLUR_SIGMA = (0.006, 0.03)
"""Standard deviation of the blur as a share of the picture's side."""
_NOISE_SIGMA = (0.0, 0.12)
"""Standard deviation of the noise as a share of white: up to 31 grey levels."""


@dataclass(frozen=True, slots=True)
class _Draws:
    generator: torch.Generator
    device: torch.device

    def uniform(self, count: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        drawn = torch.rand(count, generator=self.generator) * (high - low) + low
        return drawn.to(self.device)

    def number(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(torch.rand(1, generator=self.generator))

    def index(self, count: int) -> int:
        return int(torch.randint(count, (1,), generator=self.generator))


def augment(
    images: torch.Tensor, side: int, part: AugmentationPart, generator: torch.Generator
) -> torch.Tensor:
    """Return changed pictures, float32 (N, 1, side, side), 0 to 1.

    Args:
        images: uint8 (N, height, width).
        side: Side of the result in pixels.
        part: Strength and probability of each change.
        generator: Source of all randomness, on the CPU.
    """
    draws = _Draws(generator, images.device)
    if part.randaugment_magnitude:
        images = _randaugment(images, part, draws)
    grey = images.unsqueeze(1).float().div(255)
    if part.blur:
        grey = _blur(grey, part.blur, draws)
    if part.noise:
        grey = _add_noise(grey, part.noise, draws)
    grey = _lose_resolution(grey, part.low_resolution, draws)
    grey = _resample(grey, side, part, draws)
    grey = _relight(grey, part, draws)
    return _erase(grey, part.erase, draws)


def _randaugment(images: torch.Tensor, part: AugmentationPart, draws: _Draws) -> torch.Tensor:
    """Torchvision's RandAugment, drawn anew for every picture."""
    import_torchvision()
    from torchvision.transforms import v2

    change = v2.RandAugment(
        num_ops=part.randaugment_operations, magnitude=part.randaugment_magnitude, fill=128
    )
    # torchvision draws from the process's own generator: seed it, then give it back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draws.index(2**31))
        return torch.stack([change(image.unsqueeze(0))[0] for image in images])


def _resample(grey: torch.Tensor, side: int, part: AugmentationPart, draws: _Draws) -> torch.Tensor:
    count = len(grey)
    limit = math.radians(part.rotation_deg)
    angle = draws.uniform(count, -limit, limit)
    scale = 1 / (1 + draws.uniform(count, -part.zoom, part.zoom))
    mirror = torch.where(draws.uniform(count) < part.flip, -1.0, 1.0)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    shift_x = draws.uniform(count, -2 * part.shift, 2 * part.shift)
    shift_y = draws.uniform(count, -2 * part.shift, 2 * part.shift)
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


def _blur(grey: torch.Tensor, share: float, draws: _Draws) -> torch.Tensor:
    """Gaussian blur of the chosen pictures, one width per batch."""
    import_torchvision()
    from torchvision.transforms.v2 import functional as v2

    chosen = draws.uniform(len(grey)) < share
    sigma = draws.number(*_BLUR_SIGMA) * grey.shape[-1]
    if not bool(chosen.any()):
        return grey
    kernel = 2 * math.ceil(2 * sigma) + 1
    result = grey.clone()
    result[chosen] = v2.gaussian_blur(grey[chosen], [kernel, kernel], [sigma, sigma])
    return result


def _add_noise(grey: torch.Tensor, share: float, draws: _Draws) -> torch.Tensor:
    """Gaussian noise of a sensor in dim light on the chosen pictures, each of its own strength."""
    chosen = draws.uniform(len(grey)) < share
    sigma = torch.where(chosen, draws.uniform(len(grey), *_NOISE_SIGMA), 0.0)
    noise = torch.randn(grey.shape, generator=draws.generator).to(draws.device)
    return (grey + sigma.view(-1, 1, 1, 1) * noise).clamp(0, 1)


def _relight(grey: torch.Tensor, part: AugmentationPart, draws: _Draws) -> torch.Tensor:
    count, side = len(grey), grey.shape[-1]
    exponent = draws.uniform(count, math.log(1 - part.gamma), -math.log(1 - part.gamma)).exp()
    grey = grey.clamp(0, 1).pow(exponent.view(-1, 1, 1, 1))
    if part.brightness:
        factor = draws.uniform(count, 1 - part.brightness, 1 + part.brightness)
        grey = grey * factor.view(-1, 1, 1, 1)
    if part.contrast:
        factor = draws.uniform(count, 1 - part.contrast, 1 + part.contrast)
        mean = grey.mean(dim=(1, 2, 3), keepdim=True)
        grey = mean + (grey - mean) * factor.view(-1, 1, 1, 1)
    ramp = torch.linspace(-0.5, 0.5, side, device=grey.device)
    across = draws.uniform(count, -part.light_gradient, part.light_gradient)
    down = draws.uniform(count, -part.light_gradient, part.light_gradient)
    gain = 1 + across.view(-1, 1, 1, 1) * ramp + down.view(-1, 1, 1, 1) * ramp.view(-1, 1)
    return (grey * gain).clamp(0, 1)


def _erase(grey: torch.Tensor, share: float, draws: _Draws) -> torch.Tensor:
    """Random erasing (Zhong et al. 2020) of one patch of 2 to 20 % per chosen picture."""
    count, side = len(grey), grey.shape[-1]
    area = draws.uniform(count, 0.02, 0.2)
    aspect = draws.uniform(count, math.log(0.4), math.log(2.5)).exp()
    height, width = (area * aspect).sqrt().clamp_max(1), (area / aspect).sqrt().clamp_max(1)
    top = draws.uniform(count) * (1 - height)
    left = draws.uniform(count) * (1 - width)
    chosen = draws.uniform(count) < share
    fill = draws.uniform(count).view(-1, 1, 1, 1)
    place = (torch.arange(side, device=grey.device) + 0.5) / side
    in_rows = (place >= top[:, None]) & (place < (top + height)[:, None])
    in_columns = (place >= left[:, None]) & (place < (left + width)[:, None])
    patch = in_rows[:, None, :, None] & in_columns[:, None, None, :] & chosen[:, None, None, None]
    return torch.where(patch, fill, grey)


def _lose_resolution(grey: torch.Tensor, share: float, draws: _Draws) -> torch.Tensor:
    chosen = draws.uniform(len(grey)) < share
    pick = draws.index(len(_LOW_SIDES_PX))
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
    partner = torch.randperm(len(grey), generator=generator).to(grey.device)
    kept = float(1 - alpha * torch.rand(1, generator=generator) / 2)
    return kept * grey + (1 - kept) * grey[partner], kept * targets + (1 - kept) * targets[partner]
