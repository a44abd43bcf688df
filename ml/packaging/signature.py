"""What `signature.json` of a package says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from include.contracts.face_template import FACE_CROP_SIDE_PX, FACE_TEMPLATE_UNIT
from include.contracts.labels import EXPRESSIONS
from ml.models.mobilenet import ARCHITECTURE
from ml.models.preprocessing import CONTRAST_FLOOR, Normalisation

Engine = Literal["onnxruntime", "torch"]
Precision = Literal["fp32", "int8"]

SCHEMA = 2
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
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    golden: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
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
    return {
        "schema": SCHEMA,
        "package_version": package_version,
        "architecture": {"name": ARCHITECTURE, "width": width},
        "labels": list(EXPRESSIONS),
        "input": {"side_px": input_side_px, "channels": 3, "layout": "NCHW"},
        "preprocessing": {
            "colour": "grey, ITU-R BT.601 luma, repeated over the channels",
            "detail_side_px": detail_side_px,
            "resize": "bilinear, antialiased",
            "normalisation": normalisation,
            "contrast_floor": CONTRAST_FLOOR,
            "flip_average": flip_average,
        },
        "crop_policy": {
            "alignment": "similarity transform of five landmarks",
            "template_unit": [list(point) for point in FACE_TEMPLATE_UNIT],
            "side_px": FACE_CROP_SIDE_PX,
        },
        "temperature": temperature,
        "logit_offset": list(logit_offset or [0.0] * len(EXPRESSIONS)),
        "abstain_threshold": abstain_threshold,
        "serving": asdict(serving),
        "training": dict(training or {}),
        "metrics": dict(metrics or {}),
        "golden": dict(golden or {}),
        "licence": licence_of(training or {}),
        "describes": "the displayed expression of a face, never an inner state",
    }


def upgrade(signature: Mapping[str, Any]) -> dict[str, Any]:
    """Return a signature of an earlier schema as this one would have written it.

    `members` is left out: `build_package` seals them.
    """
    current = {key: value for key, value in signature.items() if key != "members"}
    if int(current["schema"]) < SCHEMA:
        current |= {
            "schema": SCHEMA,
            "preprocessing": {**current["preprocessing"], "normalisation": "picture"},
            "logit_offset": [0.0] * len(current["labels"]),
            "serving": asdict(Serving()),
        }
    return current


def licence_of(training: Mapping[str, Any]) -> str:
    """Return whose work is in the weights, from the training record of a signature."""
    started = training.get("started_from")
    teacher = training.get("teacher") or {}
    text = _LICENCE + (_STARTED.format(started) if started else "")
    if teacher:
        text += _TEACHER.format(teacher["recipe"], teacher["started_from"] or "random weights")
    return text + (_UNLABELLED if teacher.get("unlabelled") else "")
