"""A finished training run that answers pictures for another network to learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.data.records import ImageArray
from ml.models.preprocessing import network_input
from ml.models.weights_file import load_weights
from ml.models.zoo import build_network
from ml.training.loop import BEST_WEIGHTS, RECIPE_COPY
from ml.training.network import last_linear
from ml.training.recipe import Recipe, read_recipe

Floats = npt.NDArray[np.float32]

_CHUNK = 256
_REPORT_EVERY = 20 * _CHUNK


@dataclass(frozen=True, slots=True)
class Answers:
    """What a teacher says of N pictures.

    Attributes:
        logits: float32, shape (N, classes), not calibrated.
        features: What its last layer reads, float32, shape (N, D), rows of length 1.
    """

    logits: Floats
    features: Floats


@dataclass(frozen=True, slots=True)
class Teacher:
    """The network of a run as it was at its best epoch, of any architecture of the zoo.

    Attributes:
        recipe: The run's.
        network: In evaluation mode.
        sha256: Of weights and recipe together.
    """

    recipe: Recipe
    network: nn.Module
    sha256: str

    @classmethod
    def of_run(cls, run: Path, device: torch.device) -> Teacher:
        """Read a run's folder.

        Raises:
            ConfigurationError: It holds no finished epoch, or another network's weights.
        """
        recipe = read_recipe(run / RECIPE_COPY)
        part = recipe.model
        network = build_network(part.architecture, classes=len(recipe.data.names), width=part.width)
        path = run / BEST_WEIGHTS
        weights = load_weights(path, "distillation.teacher")
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ConfigurationError(
                "distillation.teacher", f"{path} is of another network than the recipe's: {error}"
            ) from error
        return cls(recipe, network.to(device).eval(), run_sha256(run))

    def answer(
        self, images: ImageArray, report: Callable[[str], None], *, mirror: bool = False
    ) -> Answers:
        """Answer uint8 pictures (N, h, w) at the input size of the run's last stage.

        With `mirror`, the mean of each picture's answer and its mirror image's.
        """
        plain = self._answer(images, report)
        if not mirror:
            return plain
        other = self._answer(np.ascontiguousarray(images[:, :, ::-1]), report)
        features = plain.features + other.features
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        logits = (plain.logits + other.logits) / 2
        return Answers(logits.astype(np.float32), features.astype(np.float32))

    @torch.inference_mode()
    def _answer(self, images: ImageArray, report: Callable[[str], None]) -> Answers:
        side, device = self.recipe.stages[-1].input_side_px, next(self.network.parameters()).device
        logits: list[torch.Tensor] = []
        features: list[torch.Tensor] = []

        def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            features.append(nn.functional.normalize(inputs[0].float(), dim=1).cpu())

        layer = self.network.get_submodule(last_linear(self.network))
        hook = layer.register_forward_pre_hook(keep)
        try:
            for start in range(0, len(images), _CHUNK):
                part = torch.from_numpy(images[start : start + _CHUNK]).to(device)
                pictures = network_input(part, side, normalisation=self.recipe.input.normalisation)
                logits.append(self.network(pictures).float().cpu())
                if start % _REPORT_EVERY == 0:
                    report(f"teacher {self.recipe.name} answers {start} of {len(images)} pictures")
        finally:
            hook.remove()
        return Answers(torch.cat(logits).numpy(), torch.cat(features).numpy())


def run_sha256(run: Path) -> str:
    """Return the hex digest of a run's best weights and recipe.

    Raises:
        ConfigurationError: One of them is missing.
    """
    digest = hashlib.sha256()
    for name in (BEST_WEIGHTS, RECIPE_COPY):
        try:
            digest.update((run / name).read_bytes())
        except OSError as error:
            raise ConfigurationError(
                "distillation.teacher", f"{run} is no training run: {error}"
            ) from error
    return digest.hexdigest()
