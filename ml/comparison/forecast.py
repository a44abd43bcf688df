"""How long the comparison will take: timed before it starts, corrected as it goes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

import torch
from torch.nn import functional

from ml.training.network import make_network
from ml.training.recipe import Recipe

_TIMED_STEPS = 3
_FORWARD_SHARE = 1 / 3
"""Cost of an answer as a share of a training step's: backward is about twice forward."""


def seconds_per_picture(recipe: Recipe, device: torch.device) -> float:
    """Return the seconds that one training picture of a recipe costs here and now.

    The median of a few steps on noise, after a first one that is not counted.
    """
    stage = recipe.stages[0]
    network = make_network(recipe).to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-6, fused=True)
    pictures = torch.randn(stage.batch, 3, stage.input_side_px, stage.input_side_px)
    pictures = pictures.to(device, memory_format=torch.channels_last)
    labels = torch.randint(len(recipe.data.names), (stage.batch,), device=device)
    times = []
    for _ in range(1 + _TIMED_STEPS):
        started = time.perf_counter()
        loss = functional.cross_entropy(network(pictures), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:]) / stage.batch


def epoch_seconds(per_picture_s: float, *, train: int, validation: int) -> float:
    """Return the seconds of one epoch over `train` pictures, with its validation."""
    return per_picture_s * (train + _FORWARD_SHARE * validation)


class Forecast:
    """The time left: forecasts per network, corrected by what finished ones really took.

    Args:
        seconds: Forecast of each network that is still to be trained.
    """

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._left = dict(seconds)
        self._forecast_s = self._taken_s = 0.0

    def took(self, network: str, taken_s: float, *, share: float) -> None:
        """Note that `share` (0 to 1) of a network's forecast is done and took `taken_s`."""
        done = self._left[network] * share
        self._left[network] -= done
        self._forecast_s += done
        self._taken_s += taken_s

    def finish(self, network: str) -> None:
        """Note that nothing of a network is left."""
        self._left[network] = 0.0

    @property
    def left_s(self) -> float:
        """Seconds still to go, at the speed seen so far."""
        correction = self._taken_s / self._forecast_s if self._forecast_s else 1.0
        return correction * sum(self._left.values())


def spoken(seconds: float) -> str:
    """A duration as people say it: 40 s, 12 min, 3 h 05 min."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
