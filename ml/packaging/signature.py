"""What `signature.json` of a package says. Imports nothing that is slow: stages read it.

It is sealed with the package: `signature_bytes` writes it, `SIGNATURE` reads it, and so does the
code inside the package, which can import nothing of this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from include.contracts.documents import Content, Form
from include.contracts.face_template import FACE_CROP_SIDE_PX, FACE_TEMPLATE_UNIT
from include.contracts.labels import EXPRESSIONS
from include.statistics.estimate import Estimate
from ml.models.names import ARCHITECTURE, CONTRAST_FLOOR, Normalisation

Engine = Literal["onnxruntime", "torch"]
Precision = Literal["fp32", "int8"]

_LICENCE = (
    "Weights: Apache-2.0, trained by this project. Labels: microsoft/FERPlus, MIT. "
    "Pictures: FER2013 (Goodfellow et al. 2013)."
)
_STARTED = " Training started from pretrained weights ({}), see ml/weights/LICENSE-NOTICE.md."
_TEACHER = " It learnt from the answers of a teacher (recipe {}, started from {})."
_UNLABELLED = " Unlabelled faces: FairFace (Karkkainen and Joo 2021), CC BY 4.0."


@dataclass(frozen=True, slots=True)
class Serving:
    """What runs the network.

    Attributes:
        engine: Preferred; `FEX_MODEL_ENGINE` overrides it, and torch answers where the
            preferred one is not installed.
        precision: Of the graph for ONNX Runtime; torch always computes in fp32.
    """

    engine: Engine = "torch"
    precision: Precision = "fp32"


@dataclass(frozen=True, slots=True)
class Architecture:
    """Which network: whose code it is, and its channel multiplier."""

    name: str
    width: float


@dataclass(frozen=True, slots=True)
class Input:
    """What the network takes: a square of `side_px`."""

    side_px: int
    channels: int = 3
    layout: str = "NCHW"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a crop becomes the network's input.

    Attributes:
        detail_side_px: Larger pictures are first reduced to this side; None: never.
        normalisation: How grey pixels become the network's input.
        flip_average: Whether the logits of a picture and its mirror image are averaged.
        colour: For people.
        resize: For people.
        contrast_floor: Smallest standard deviation divided by, in units of full scale.
    """

    detail_side_px: int | None
    normalisation: Normalisation
    flip_average: bool
    colour: str = "grey, ITU-R BT.601 luma, repeated over the channels"
    resize: str = "bilinear, antialiased"
    contrast_floor: float = CONTRAST_FLOOR


@dataclass(frozen=True, slots=True)
class CropPolicy:
    """What a crop is: how it is aligned, on which points (unit square), its side in pixels."""

    alignment: str = "similarity transform of five landmarks"
    template_unit: tuple[tuple[float, ...], ...] = FACE_TEMPLATE_UNIT
    side_px: int = FACE_CROP_SIDE_PX


@dataclass(frozen=True, slots=True)
class FittedOffsets:
    """How strongly rare expressions are favoured, and what that gained out of fold."""

    strength: float
    macro_f1_gain_out_of_fold: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """On which pictures temperature, offsets and abstention were fitted, and how many."""

    fitted_on: str
    n: int
    class_offsets: FittedOffsets | None = None


@dataclass(frozen=True, slots=True)
class Teacher:
    """The run whose answers were learnt from.

    Attributes:
        recipe: Its name.
        architecture: In the zoo's words.
        started_from: Its weights; None: random ones.
        sha256: Hash of the run.
        unlabelled: Whether it answered faces without labels too.
    """

    recipe: str
    architecture: str
    started_from: str | None
    sha256: str
    unlabelled: bool = False


@dataclass(frozen=True, slots=True)
class Training:
    """Where the weights come from; None and empty where nothing is known.

    Attributes:
        averaged: What an average was made of, in turn.
        data: What the pictures are, for people.
        data_sha256: Hash of each side of the split.
        epochs: How many were trained.
        recipe: Its name.
        recipe_sha256: Hash of its file.
        split: Which pictures are held out: a manifest, or a key of the lake.
        split_sha256: Its hash.
        started_from: The weights before; None: random ones.
        teacher: Whose answers were learnt from.
    """

    averaged: tuple[Mapping[str, object], ...] = ()
    data: str | None = None
    data_sha256: Mapping[str, str] = field(default_factory=dict)
    epochs: int = 0
    recipe: str | None = None
    recipe_sha256: str | None = None
    split: str | None = None
    split_sha256: str | None = None
    started_from: str | None = None
    teacher: Teacher | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """How well a package did on one split.

    Attributes:
        n: Pictures.
        figures: By name.
        confusion: Counts, rows true and columns answered, in the order of the labels.
    """

    n: int
    figures: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """What a package says of itself.

    Attributes:
        package_version: Version of the package, for people.
        labels: What the network answers, in its order.
        architecture: The network.
        input: What it takes.
        preprocessing: How a crop becomes that.
        temperature: Logits are divided by it before the softmax, over 0.
        abstain_threshold: Confidence under which an answer is set aside, 0 to 1.
        logit_offset: Added to the logits before, one per label.
        serving: What runs the network.
        crop_policy: What a crop is.
        training: Where the weights come from.
        metrics: How well it did, by split.
        golden: Stored answers of the golden pictures, by picture and label.
        calibration: How temperature, offsets and abstention came about; None: they were given.
        licence: Whose work is in the weights.
        describes: What the answers are about.
        members: Hash of every other member; `build_package` fills it in.
    """

    package_version: str
    labels: tuple[str, ...]
    architecture: Architecture
    input: Input
    preprocessing: Preprocessing
    temperature: float
    abstain_threshold: float
    logit_offset: tuple[float, ...]
    serving: Serving
    crop_policy: CropPolicy
    training: Training
    metrics: Mapping[str, Measured]
    golden: Mapping[str, Mapping[str, float]]
    licence: str
    calibration: Calibration | None = None
    describes: str = "the displayed expression of a face, never an inner state"
    members: Mapping[str, str] = field(default_factory=dict)


def _with_serving(content: Content) -> Content:
    """Say what packages of the first schema did: pictures by themselves, no offsets, torch."""
    content["preprocessing"]["normalisation"] = "picture"
    content["logit_offset"] = [0.0] * len(content["labels"])
    content["serving"] = {"engine": "torch", "precision": "fp32"}
    return content


SIGNATURE = Form(Signature, schema=2, upgrades={1: _with_serving}, undefined=True)
"""How a signature is read; `signature_bytes` writes it."""


def plain_signature(signature: Signature) -> Content:
    """Return a signature as what JSON knows; what nobody knows of the training is left out."""
    content = SIGNATURE.plain(signature)
    training, calibration = content["training"], content["calibration"]
    for name in ("data", "data_sha256", "recipe", "recipe_sha256", "split", "split_sha256"):
        if not training[name]:
            del training[name]
    if calibration is None:
        del content["calibration"]
    elif calibration["class_offsets"] is None:
        del calibration["class_offsets"]
    return content


def signature_bytes(signature: Signature) -> bytes:
    """Return `signature.json`: the same signature, the same bytes."""
    return (json.dumps(plain_signature(signature), indent=2, sort_keys=True) + "\n").encode()


def make_signature(
    *,
    package_version: str,
    input_side_px: int,
    width: float = 1.0,
    detail_side_px: int | None = None,
    normalisation: Normalisation = "picture",
    flip_average: bool = False,
    temperature: float = 1.0,
    logit_offset: Sequence[float] | None = None,
    abstain_threshold: float = 0.0,
    serving: Serving = Serving(),
    training: Training | None = None,
    metrics: Mapping[str, Measured] | None = None,
    golden: Mapping[str, Mapping[str, float]] | None = None,
) -> Signature:
    """Return a signature without its `members`, which are sealed by `build_package`.

    Args:
        package_version: Version of the package, for people.
        input_side_px: Side of the network's input.
        width: Channel multiplier of the network.
        detail_side_px: Larger pictures are first reduced to this side, so that they
            carry no more detail than the pictures of the training; None: never.
        normalisation: How grey pixels become the network's input.
        flip_average: Average the logits of a picture and its mirror image.
        temperature: Logits are divided by it before the softmax, over 0.
        logit_offset: Added to the logits before, one per label; None: nothing is.
        abstain_threshold: Confidence under which an answer is set aside, 0 to 1.
        serving: What runs the network.
        training: Data hashes, split, recipe.
        metrics: Figures with n and intervals.
        golden: Stored answers of the golden pictures, by picture and label.
    """
    return Signature(
        package_version=package_version,
        labels=EXPRESSIONS,
        architecture=Architecture(ARCHITECTURE, width),
        input=Input(input_side_px),
        preprocessing=Preprocessing(detail_side_px, normalisation, flip_average),
        temperature=temperature,
        abstain_threshold=abstain_threshold,
        logit_offset=tuple(logit_offset or [0.0] * len(EXPRESSIONS)),
        serving=serving,
        crop_policy=CropPolicy(),
        training=training or Training(),
        metrics=metrics or {},
        golden=golden or {},
        licence=licence_of(training or Training()),
    )


def licence_of(training: Training) -> str:
    """Return whose work is in the weights, from the training record of a signature."""
    teacher = training.teacher
    text = _LICENCE + (_STARTED.format(training.started_from) if training.started_from else "")
    if teacher is not None:
        text += _TEACHER.format(teacher.recipe, teacher.started_from or "random weights")
        text += _UNLABELLED if teacher.unlabelled else ""
    return text
