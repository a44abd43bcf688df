"""The network that learnt faces: read from npm's layout, batch norms put back unchanged."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.models.preprocessing import network_input
from ml.models.pretrained import VGGFACE2_NPM, start_from
from ml.models.pretrained.vggface2 import SIDE_PX, read_vggface2, unmerge
from ml.models.zoo import build_network
from ml.models.zoo.mobilenet_v1 import MobileNetV1
from tests.unit.ml.conftest import generated_face


def _listed() -> list[dict[str, object]]:
    """The tensors in Keras' layout, with one head that must not be read."""
    convolutions = [m for m in MobileNetV1(classes=1, dropout=0).modules() if _is_convolution(m)]
    entries = [{"name": "age_pred/kernel", "shape": [256, 100], "dtype": "float32"}]

    def add(name: str, *shape: int) -> None:
        entries.append({"name": name, "shape": list(shape), "dtype": "float32"})

    add("conv1/convolution/merged_input", 3, 3, 3, 32)
    add("conv1_bn/batchnorm_1/sub", 32)
    for block in range(1, 14):
        depthwise, pointwise = convolutions[2 * block - 1], convolutions[2 * block]
        before, after = depthwise.out_channels, pointwise.out_channels
        add(f"conv_dw_{block}/depthwise_kernel", 3, 3, before, 1)
        add(f"conv_dw_{block}_bn/batchnorm_1/mul", before)
        add(f"conv_dw_{block}_bn/batchnorm_1/sub", before)
        add(f"conv_pw_{block}/convolution/merged_input", 1, 1, before, after)
        add(f"conv_pw_{block}_bn/batchnorm_1/sub", after)
    return entries


def _is_convolution(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    entries = _listed()
    generator = np.random.default_rng(11)
    numbers = b""
    for entry in entries:
        shape = entry["shape"]
        scale = (2 / max(1, np.prod(shape[:-1]))) ** 0.5 if len(shape) == 4 else 0.3
        if "depthwise" in entry["name"]:
            scale = 0.5
        values = generator.normal(1.0 if entry["name"].endswith("mul") else 0.0, scale, shape)
        numbers += values.astype(np.float32).tobytes()
    listed = json.dumps({"weightsManifest": [{"weights": entries}]}).encode()
    path = tmp_path_factory.mktemp("npm") / "faces.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for end, data in (("json", listed), ("bin", numbers)):
            member = tarfile.TarInfo(f"package/models/faceres-deep.{end}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path, tuple(hashlib.sha256(data).hexdigest() for data in (listed, numbers))


def test_batch_norms_come_back_without_changing_the_answers(package, tmp_path):
    path, checked = package
    faces = torch.from_numpy(np.stack([generated_face(i % 7, 40 + i) for i in range(16)]))
    merged = read_vggface2(path, checked)
    with torch.inference_mode():
        before = merged.features(network_input(faces, SIDE_PX))
    weights = unmerge(read_vggface2(path, checked), faces)
    assert not any(name.startswith("classifier") for name in weights)

    save_file(
        {k: v.contiguous() for k, v in weights.items()}, tmp_path / f"{VGGFACE2_NPM}.safetensors"
    )
    network = build_network("mobilenet_v1", classes=7).eval()
    start_from(network, VGGFACE2_NPM, tmp_path)
    with torch.inference_mode():
        after = network.features(network_input(faces, SIDE_PX))
    assert before.std() > 0.1
    torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-3)
    # In training, where a batch's own moments count, the same faces give the same signal too.
    with torch.no_grad():
        trained = network.train().features(network_input(faces, SIDE_PX))
    torch.testing.assert_close(trained, before, atol=5e-3, rtol=5e-3)


def test_content_that_was_not_checked_is_refused(package, tmp_path):
    with pytest.raises(ConfigurationError, match=r"faces\.tgz holds"):
        read_vggface2(package[0])
    other = tmp_path / "other.tgz"
    other.write_bytes(b"no archive")
    with pytest.raises(ConfigurationError, match=r"other\.tgz is not @vladmandic"):
        read_vggface2(other)
