"""What the serving benchmark measures: one model packed in several ways, and requests for it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from safetensors.torch import load

from ml.evaluation.golden_pictures import GOLDEN_DIR
from ml.evaluation.packed import shard
from ml.evaluation.split import labelled_split
from ml.models.mobilenet import build_mobilenet_v2
from ml.packaging.build import WEIGHTS_MEMBER, build_package
from ml.packaging.graph import build_graph
from ml.packaging.quantise import Quantisation, quantise
from ml.packaging.seal import calibration_input
from ml.packaging.signature import Serving, Signature
from ml.packaging.unpack import read_package, read_signature, unpack_package
from ml.serving.handler import PackedModel

CROP_SIDE_PX = 112
JPEG_QUALITY = 95
"""As the pipeline cuts and encodes crops (`include.settings.ExtractionSettings`)."""

QUANTISATIONS: Mapping[str, Quantisation] = {
    "onnxruntime int8": Quantisation(),
    "onnxruntime int8, one scale per tensor": Quantisation(per_channel=False),
    "onnxruntime int8, ends in fp32": Quantisation(keep_ends=True),
    "onnxruntime int8, dynamic": Quantisation(dynamic=True),
}
TORCH, ONNX = "torch fp32", "onnxruntime fp32"


@dataclass(frozen=True)
class Variant:
    """One way to run the model: an unpacked package and an engine."""

    name: str
    folder: Path
    engine: str

    def open(self) -> PackedModel:
        return PackedModel.open(self.folder, engine=self.engine)

    def loaded(self) -> tuple[Any, Any]:
        """Return the package's code as a module, and what its `model_fn` returns."""
        spec = importlib.util.spec_from_file_location(
            f"packed_{abs(hash(self))}", self.folder / "code" / "inference.py"
        )
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        with mock.patch.dict(os.environ, FEX_MODEL_ENGINE=self.engine):
            return module, module.model_fn(str(self.folder))


def make_variants(
    package: Path, scratch: Path, *, data: Path | None, side_px: int | None = None
) -> dict[str, Variant]:
    """Pack a package's weights in every way, for another input side if given.

    Quantised ones need training pictures, and are left out without `data`.
    """
    content = read_package(package)
    weights, signature = content[WEIGHTS_MEMBER], read_signature(package)
    if side_px:
        signature = replace(signature, input=replace(signature.input, side_px=side_px))
    network = build_mobilenet_v2(width=signature.architecture.width)
    network.load_state_dict(load(weights))
    graph = build_graph(network, weights, side_px=signature.input.side_px)
    folder = _packed(weights, signature, graph, scratch)
    variants = {
        TORCH: Variant(TORCH, folder, "torch"),
        ONNX: Variant(ONNX, folder, "onnxruntime"),
    }
    if data is not None:
        pictures = calibration_input(signature, labelled_split(data, "train")[0])
        for name, how in QUANTISATIONS.items():
            small = quantise(graph, weights, pictures, how)
            quantised = replace(signature, serving=Serving("onnxruntime", "int8"))
            folder = _packed(weights, quantised, small, scratch)
            variants[name] = Variant(name, folder, "onnxruntime")
    return variants


def _packed(weights: bytes, signature: Signature, graph: bytes, scratch: Path) -> Path:
    path = scratch / "model.tar.gz"
    build_package(weights, signature, path, graph=graph)
    return unpack_package(path, scratch)


def crops(count: int, *, seed: int = 0) -> list[bytes]:
    """Return JPEG face crops as the pipeline makes them: one portrait, moved and noisy."""
    portrait = cv2.imread(str(GOLDEN_DIR / "portrait.png"))
    generator = np.random.default_rng(seed)
    encoded = []
    for _ in range(count):
        shift = generator.uniform(-6, 6, 2)
        turn = cv2.getRotationMatrix2D((56, 56), float(generator.uniform(-10, 10)), 1.0)
        turn[:, 2] += shift
        moved = cv2.warpAffine(
            portrait, turn, (CROP_SIDE_PX, CROP_SIDE_PX), borderMode=cv2.BORDER_REFLECT
        )
        noisy = moved + generator.normal(0, 3, moved.shape)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        encoded.append(cv2.imencode(".jpg", picture, quality)[1].tobytes())
    return encoded


def shard_of(pictures: list[bytes]) -> bytes:
    """Return a shard of encoded crops."""
    return shard((f"{number:06d}", data) for number, data in enumerate(pictures))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let models that are opened and run inside use `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_network(engine: Any, batch: np.ndarray, *, count: int, times: int) -> int:
    """Run a batch `times` times on `count` threads, and return how many pictures that was.

    ONNX Runtime runs batches side by side; torch runs one after the other, each on all
    threads.
    """
    if engine.name == "torch" or count == 1:
        for _ in range(times):
            engine(batch)
    else:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(engine, [batch] * times))
    return len(batch) * times
