"""The recipe file: everything that decides a training run, validated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.fairface import AGE_BANDS
from ml.models.pretrained import ARCHITECTURE_OF
from ml.models.zoo import ARCHITECTURES

Share = Annotated[float, Field(ge=0, le=1)]
Balancing = Literal[
    "none",
    "weighted_sampler",
    "class_balanced_loss",
    "logit_adjustment",
    "undersampling",
    "smote",
]

DEFAULT_STRENGTH: dict[Balancing, float] = {
    "none": 0.0,
    "weighted_sampler": 1.0,
    "class_balanced_loss": 0.999,
    "logit_adjustment": 1.0,
    "undersampling": 1.0,
    "smote": 1.0,
}
"""What `loss.balancing_strength` is where a recipe does not say; `ml.training.balancing`
says what it means for each option."""

_WEIGHTS_SUFFIX = ".safetensors"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPart(_Part):
    """The network."""

    architecture: str = "mobilenet_v2"
    width: Annotated[float, Field(gt=0, le=2)] = 1.0
    dropout: Share = 0.2
    weights: str | None = None
    """Where the network starts: a name of `ml.models.pretrained` (of one architecture, at
    width 1), a `.safetensors` file (relative to the working directory), or None: from scratch."""

    @field_validator("architecture")
    @classmethod
    def _in_the_zoo(cls, name: str) -> str:
        if name not in ARCHITECTURES:
            raise ValueError(f"must be one of {', '.join(ARCHITECTURES)}")
        return name

    @field_validator("width")
    @classmethod
    def _has_multiplier(cls, width: float, info: ValidationInfo) -> float:
        if width != 1.0 and info.data.get("architecture") not in {None, "mobilenet_v2"}:
            raise ValueError("only mobilenet_v2 has a channel multiplier")
        return width

    @property
    def weights_file(self) -> Path | None:
        """The file the network starts from, where `weights` names one."""
        named = self.weights is not None and self.weights.endswith(_WEIGHTS_SUFFIX)
        return Path(self.weights or "") if named else None

    @field_validator("weights")
    @classmethod
    def _fit(cls, weights: str | None, info: ValidationInfo) -> str | None:
        if weights is None or weights.endswith(_WEIGHTS_SUFFIX):
            return weights
        wanted = ARCHITECTURE_OF.get(weights)
        if wanted is None:
            raise ValueError(f"must be a {_WEIGHTS_SUFFIX} file or {', '.join(ARCHITECTURE_OF)}")
        if (info.data.get("architecture"), info.data.get("width")) != (wanted, 1.0):
            raise ValueError(f"{weights} are weights of {wanted} at width 1.0")
        return weights


class DataPart(_Part):
    """What is learnt from the pictures.

    `age` is a pretext task: FairFace's age bands teach the network faces, and another
    recipe starts from its weights. Such a network never ships.
    """

    task: Literal["expression", "age"] = "expression"
    classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    """A subset of the seven expressions; None is all of them."""
    labels: Literal["soft", "majority"] = "soft"
    """Distribution of the annotators' votes, or the expression most of them chose."""

    @field_validator("classes")
    @classmethod
    def _known(cls, classes: tuple[str, ...] | None, info: ValidationInfo) -> object:
        if classes is None:
            return None
        if info.data.get("task") == "age":
            raise ValueError("the age task has its own classes")
        unknown = [name for name in classes if name not in EXPRESSIONS]
        if unknown or len(set(classes)) != len(classes):
            raise ValueError(f"must be different names of {', '.join(EXPRESSIONS)}")
        return tuple(name for name in EXPRESSIONS if name in classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes in the order of the network's outputs."""
        return AGE_BANDS if self.task == "age" else self.classes or EXPRESSIONS


class InputPart(_Part):
    """How grey pixels become the network's input, see `ml.models.preprocessing`."""

    normalisation: Literal["picture", "imagenet"] = "picture"


class OptimiserPart(_Part):
    """AdamW (Loshchilov and Hutter 2019), linear warm-up, cosine to `final_share`."""

    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    warmup_epochs: Annotated[float, Field(ge=0)] = 1.0
    final_share: Share = 0.01
    gradient_clip: Annotated[float, Field(gt=0)] = 5.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """Decay of the averaged weights; 0 keeps those of the last step."""
    sam_rho: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Radius of sharpness-aware minimisation (Foret et al. 2021), about 0.05; 0: off."""


class LossPart(_Part):
    """Cross-entropy with a label distribution, and what is done about rare classes."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    balancing: Balancing = "none"
    balancing_strength: Annotated[float, Field(ge=0)] | None = None
    flip_consistency: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the divergence between a picture's answer and its mirror image's; 0: off."""

    @field_validator("balancing_strength")
    @classmethod
    def _within(cls, strength: float | None, info: ValidationInfo) -> float | None:
        balancing: Balancing = info.data.get("balancing", "none")
        if strength is None:
            return None
        if balancing == "class_balanced_loss" and strength >= 1:
            raise ValueError("beta of class_balanced_loss must be under 1")
        if balancing in {"weighted_sampler", "undersampling", "smote"} and strength > 1:
            raise ValueError(f"of {balancing} must be at most 1 (fully balanced)")
        return strength

    @property
    def strength(self) -> float:
        """`balancing_strength`, or the option's default where the recipe gives none."""
        given = self.balancing_strength
        return DEFAULT_STRENGTH[self.balancing] if given is None else given


class AugmentationPart(_Part):
    """Random changes of a training picture; every share is a probability."""

    flip: Share = 0.5
    rotation_deg: Annotated[float, Field(ge=0, le=90)] = 20.0
    shift: Share = 0.1
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.1
    gamma: Annotated[float, Field(ge=0, lt=1)] = 0.4
    light_gradient: Share = 0.3
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Pixels are multiplied by 1 - brightness to 1 + brightness."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Differences from the picture's mean are multiplied by 1 - contrast to 1 + contrast."""
    blur: Share = 0.0
    noise: Share = 0.0
    erase: Share = 0.3
    low_resolution: Share = 0.15
    randaugment_magnitude: Annotated[int, Field(ge=0, le=30)] = 0
    """Strength of RandAugment (Cubuk et al. 2020); 0: off."""
    randaugment_operations: Annotated[int, Field(ge=1, le=4)] = 2
    mixup: Share = 0.0


STRONG = AugmentationPart(
    rotation_deg=25, zoom=0.15, gamma=0.5, light_gradient=0.5, erase=0.5, blur=0.2
)
"""What unlabelled pictures go through where a recipe does not say."""


class DistillationPart(_Part):
    """A finished run teaches this one, see `ml.training.distillation`."""

    teacher: Path
    """Folder of the run, relative to the working directory; any architecture of the zoo."""
    temperature: Annotated[float, Field(gt=0, le=5)] = 1.0
    """Divides the teacher's calibrated log-probabilities; under 1 sharpens its labels."""
    labelled_share: Share = 0.0
    """The teacher's share in the target of a labelled picture; the votes have the rest."""
    features: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Weight of one minus the cosine between the student's prediction of the teacher's
    features and these; 0: not asked for."""
    unlabelled_share: Annotated[float, Field(ge=0, le=4)] = 0.5
    """Unlabelled pictures beside each labelled one; 0: none."""
    set: Literal["fairface"] = "fairface"
    """The unlabelled pictures."""
    mirror: bool = False
    """The teacher answers each picture's mirror image too, and the mean counts."""
    min_confidence: Share = 0.0
    """Unlabelled pictures of which the teacher is less sure are left out."""
    crop: Annotated[float, Field(ge=0.3, le=1)] = 1.0
    """Side of the central square that is used, as a share of the picture's. FairFace frames
    faces as tightly as FER+ does (distance of the eyes 0.37 of the side, 0.35 there: medians
    of CenterFace), so the whole picture is."""
    augmentation: AugmentationPart = STRONG


class StoppingPart(_Part):
    """Which epoch is kept, and when no better one is waited for."""

    patience: Annotated[int, Field(ge=1)] | None = None
    """Epochs without a better one after which training ends; None: it never ends early."""
    metric: Literal["accuracy", "log_loss"] = "log_loss"
    """Of the validation rows. (Not `on`: YAML reads that as a truth value.)"""


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
    data: DataPart = DataPart()
    input: InputPart = InputPart()
    optimiser: OptimiserPart
    loss: LossPart = LossPart()
    augmentation: AugmentationPart = AugmentationPart()
    distillation: DistillationPart | None = None
    stopping: StoppingPart = StoppingPart()
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 is for GPUs: on a CPU with AVX-512 alone a step took a quarter longer than fp32."""
    stages: Annotated[tuple[StagePart, ...], Field(min_length=1)]

    @field_validator("distillation")
    @classmethod
    def _teachable(cls, part: DistillationPart | None, info: ValidationInfo) -> object:
        data: DataPart | None = info.data.get("data")
        if part is not None and data is not None and data.task != "expression":
            raise ValueError("the teacher answers expressions, data.task does not ask for them")
        return part

    @property
    def epochs(self) -> int:
        """Number of epochs over all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def ships(self) -> bool:
        """Whether a network of this recipe may be packaged: it answers the seven expressions.

        A head for age (or anything demographic) never ships.
        """
        return self.data.names == EXPRESSIONS

    def flat(self) -> dict[str, object]:
        """Return every value by its dotted key (`optimiser.learning_rate`), as JSON has it."""
        return dict(_flatten("", self.model_dump(mode="json")))

    def stage_at(self, epoch: int) -> StagePart:
        """Return the stage that epoch number `epoch` (from 0) belongs to."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        return self.stages[-1]


def _flatten(key: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(f"{key}.{name}" if key else str(name), inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from _flatten(f"{key}.{index}", inner)
    else:
        yield key, value


def read_recipe(path: Path) -> Recipe:
    """Read and validate a recipe.

    Raises:
        ConfigurationError: The file is unreadable or a key is unknown, missing or
            out of range; the message names every such key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError("--recipe", f"{path} cannot be read: {error}") from error
    return make_recipe(content, str(path))


def make_recipe(content: object, where: str) -> Recipe:
    """Validate a recipe's content.

    Args:
        content: What the YAML says.
        where: The file, for the message.

    Raises:
        ConfigurationError: As `read_recipe`.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}"
            for item in error.errors()
        )
        raise ConfigurationError("--recipe", f"{where}: {problems}") from error
