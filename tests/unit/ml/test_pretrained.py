"""Starting weights: read from a package of the layout that npm serves, checked first."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from include.contracts.errors import ConfigurationError
from ml.models.mobilenet import build_mobilenet_v2
from ml.models.pretrained import IMAGENET_NPM, start_from
from ml.models.pretrained.imagenet import read_imagenet

_FOLDER = "package/dist/models/mobilenet_v2/"
_NETWORK_FIRST_BLOCKS = 11


def _keras_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes as Keras has them, from torchvision's network of the same paper."""
    state = build_mobilenet_v2().state_dict()
    shapes: dict[str, tuple[int, ...]] = {}

    def add(theirs: str, ours: str, kind: str) -> None:
        out, into, height, width = state[f"{ours}.weight"].shape
        order = (height, width, out, into) if kind == "depthwise_kernel" else None
        shapes[f"{theirs}/{kind}"] = order or (height, width, into, out)

    def norm(theirs: str, ours: str) -> None:
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"{theirs}/{name}"] = tuple(state[f"{ours}.weight"].shape)

    add("Conv1", "features.0.0", "kernel")
    norm("bn_Conv1", "features.0.1")
    add("expanded_conv_depthwise", "features.1.conv.0.0", "depthwise_kernel")
    norm("expanded_conv_depthwise_BN", "features.1.conv.0.1")
    add("expanded_conv_project", "features.1.conv.1", "kernel")
    norm("expanded_conv_project_BN", "features.1.conv.2")
    for block in range(1, _NETWORK_FIRST_BLOCKS):
        ours = f"features.{block + 1}.conv"
        add(f"block_{block}_expand", f"{ours}.0.0", "kernel")
        norm(f"block_{block}_expand_BN", f"{ours}.0.1")
        add(f"block_{block}_depthwise", f"{ours}.1.0", "depthwise_kernel")
        norm(f"block_{block}_depthwise_BN", f"{ours}.1.1")
        add(f"block_{block}_project", f"{ours}.2", "kernel")
        norm(f"block_{block}_project_BN", f"{ours}.3")
    return shapes


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str], bytes]:
    shapes = _keras_shapes()
    entries = [
        f'{{name:"{name}",shape:[{",".join(map(str, shape))}],dtype:"float32",'
        f'quantization:{{min:-1.5,scale:.01,dtype:"uint8"}}}}'
        for name, shape in shapes.items()
    ]
    listed = f"return {{weightsManifest:[{{weights:[{','.join(entries)}]}}]}}"
    count = sum(int(np.prod(shape)) for shape in shapes.values())
    numbers = np.random.default_rng(5).integers(0, 256, count, np.uint8).tobytes()
    path = tmp_path_factory.mktemp("npm") / "made.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (
            ("model.min.js", listed),
            ("group1-shard1of1.min.js", f'module.exports="{base64.b64encode(numbers).decode()}"'),
        ):
            member = tarfile.TarInfo(_FOLDER + name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path, (_sha256(listed.encode()), _sha256(numbers)), numbers


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_first_blocks_fit_the_network_and_carry_the_stored_numbers(package, tmp_path):
    path, checked, numbers = package
    weights = read_imagenet(path, checked)
    first = np.frombuffer(numbers, np.uint8, 3 * 3 * 3 * 32).reshape(3, 3, 3, 32)
    expected = (first.astype(np.float32) * 0.01 - 1.5).transpose(3, 2, 0, 1) / 2
    np.testing.assert_allclose(weights["features.0.0.weight"].numpy(), expected, atol=1e-6)

    save_file(weights, tmp_path / f"{IMAGENET_NPM}.safetensors")
    network = build_mobilenet_v2()
    fresh = {k: v.clone() for k, v in network.state_dict().items()}
    start_from(network, IMAGENET_NPM, tmp_path)
    state = network.state_dict()
    assert torch.equal(state["features.11.conv.2.weight"], weights["features.11.conv.2.weight"])
    assert torch.equal(state["features.12.conv.2.weight"], fresh["features.12.conv.2.weight"])
    assert torch.equal(state["classifier.1.weight"], fresh["classifier.1.weight"])
    assert {name.split(".")[1] for name in weights} == {str(i) for i in range(12)}


def test_content_that_was_not_checked_is_refused(package):
    with pytest.raises(ConfigurationError, match=r"made\.tgz holds"):
        read_imagenet(package[0])


def test_something_else_than_the_package_is_named(tmp_path):
    path = tmp_path / "other.tgz"
    path.write_bytes(b"no archive")
    with pytest.raises(ConfigurationError, match=r"other\.tgz is not nsfwjs"):
        read_imagenet(path)


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(ConfigurationError, match=r"python -m ml\.models\.pretrained"):
        start_from(build_mobilenet_v2(), IMAGENET_NPM, tmp_path)


def test_unknown_weights_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="'vgg-faces' is none of"):
        start_from(build_mobilenet_v2(), "vgg-faces", tmp_path)
