"""The recipe file: everything that decides a training run, validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.contracts.errors import ConfigurationError

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPart(_Part):
    """The network."""

    width: Annotated[float, Field(gt=0, le=2)] = 1.0
    dropout: Share = 0.2


class OptimiserPart(_Part):
    """AdamW (Loshchilov and Hutter 2019), linear warm-up, cosine to `final_share`."""

    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    warmup_epochs: Annotated[float, Field(ge=0)] = 1.0
    final_share: Share = 0.01
    gradient_clip: Annotated[float, Field(gt=0)] = 5.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998


class AugmentationPart(_Part):
    """Random changes of a training picture; every share is a probability."""

    flip: Share = 0.5
    rotation_deg: Annotated[float, Field(ge=0, le=90)] = 20.0
    shift: Share = 0.1
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.1
    gamma: Annotated[float, Field(ge=0, lt=1)] = 0.4
    light_gradient: Share = 0.3
    erase: Share = 0.3
    low_resolution: Share = 0.15
    mixup: Share = 0.0


class StagePart(_Part):
    """Epochs at one input size; stages follow each other (progressive resizing)."""

    input_side_px: Annotated[int, Field(ge=32, le=224)]
    epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=2)] = 64


class Recipe(_Part):
    """A whole run."""

    name: str
    seed: int
    model: ModelPart = ModelPart()
    optimiser: OptimiserPart
    augmentation: AugmentationPart = AugmentationPart()
    stages: Annotated[tuple[StagePart, ...], Field(min_length=1)]

    @property
    def epochs(self) -> int:
        """Number of epochs over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def stage_at(self, epoch: int) -> StagePart:
        """Return the stage that epoch number `epoch` (from 0) belongs to."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        return self.stages[-1]


def read_recipe(path: Path) -> Recipe:
    """Read and validate a recipe.

    Raises:
        ConfigurationError: The file is unreadable or a key is unknown, missing or
            out of range; the message names every such key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError("--recipe", f"{path} cannot be read: {error}") from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}"
            for item in error.errors()
        )
        raise ConfigurationError("--recipe", f"{path}: {problems}") from error
