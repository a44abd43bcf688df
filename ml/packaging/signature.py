"""What `signature.json` of a package says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.contracts.face_template import FACE_CROP_SIDE_PX, FACE_TEMPLATE_UNIT
from include.contracts.labels import EXPRESSIONS
from ml.models.mobilenet import ARCHITECTURE
from ml.models.preprocessing import CONTRAST_FLOOR

SCHEMA = 1
LICENCE = (
    "Weights: Apache-2.0, trained by this project. Labels: microsoft/FERPlus, MIT. "
    "Pictures: FER2013 (Goodfellow et al. 2013)."
)


def make_signature(
    *,
    package_version: str,
    input_side_px: int,
    width: float = 1.0,
    detail_side_px: int | None = None,
    flip_average: bool = False,
    temperature: float = 1.0,
    abstain_threshold: float = 0.0,
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
        flip_average: Average the logits of a picture and its mirror image.
        temperature: Logits are divided by it before the softmax, over 0.
        abstain_threshold: Confidence under which an answer is set aside, 0 to 1.
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
            "normalisation": "per picture to mean 0 and standard deviation 1",
            "contrast_floor": CONTRAST_FLOOR,
            "flip_average": flip_average,
        },
        "crop_policy": {
            "alignment": "similarity transform of five landmarks",
            "template_unit": [list(point) for point in FACE_TEMPLATE_UNIT],
            "side_px": FACE_CROP_SIDE_PX,
        },
        "temperature": temperature,
        "abstain_threshold": abstain_threshold,
        "training": dict(training or {}),
        "metrics": dict(metrics or {}),
        "golden": dict(golden or {}),
        "licence": LICENCE,
        "describes": "the displayed expression of a face, never an inner state",
    }
