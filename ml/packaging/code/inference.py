"""Displayed-expression classifier, as SageMaker's PyTorch container runs it.

This file travels inside `model.tar.gz` and imports nothing of the project that
built it. All it knows about the model it reads from `signature.json`.

Content types:
    application/x-tar: a shard, a tar of pictures named `{row_id}.jpg`. The answer is
        application/jsonlines, one object per picture.
    application/x-image: one face crop of any size, grey or colour. The answer is one
        application/json object.

An object carries `emotion` (label with the highest probability), `confidence` (that
probability, 0 to 1), `probabilities` (by label, temperature scaled, sum 1) and `logits`
(in label order, the sealed offsets added, not scaled). `row_id` is present for shards. A
picture of a shard that cannot be decoded gets an object with `error` instead; a single
one that cannot be decoded is answered with status 400, like a damaged shard.

Environment:
    FEX_MODEL_ENGINE: `onnxruntime` or `torch` instead of the engine that was sealed.
    FEX_MODEL_THREADS: threads to use; by default as many as torch would.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import itertools
import json
import logging
import os
import tarfile
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

try:
    from sagemaker_inference.errors import GenericInferenceToolkitError
except ImportError:  # outside the container's toolkit an error is a plain exception

    class GenericInferenceToolkitError(Exception):  # type: ignore[no-redef]
        """Carries an HTTP status."""

        def __init__(self, status_code: int, message: str) -> None:
            super().__init__(status_code, message)


log = logging.getLogger(__name__)

SHARD = "application/x-tar"
PICTURE = "application/x-image"

_BATCH = 16
_MAX_MEMBERS = 100_000
_MAX_MEMBER_BYTES = 16 * 2**20
_MAX_PIXELS = 40_000_000
_SUFFIX = ".jpg"
_BLOCK_BYTES = 512
_THREADS_VARIABLE = "FEX_MODEL_THREADS"
_ENGINE_VARIABLE = "FEX_MODEL_ENGINE"
_ONNXRUNTIME, _TORCH = "onnxruntime", "torch"
_GRAPH, _WEIGHTS, _SIGNATURE = "model.onnx", "model.safetensors", "signature.json"
_PICTURE_MODE, _IMAGENET_MODE = "picture", "imagenet"
_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)

Array = npt.NDArray[np.float32]

# A torch Library unregisters its schemas when it is garbage collected.
_libraries: list[Any] = []


class Engine(Protocol):
    """Runs the network; may be called from several threads at once."""

    name: str

    def __call__(self, batch: Array) -> Array:
        """Map float32 (N, 3, side, side) to logits (N, classes)."""
        ...


@dataclass(frozen=True)
class Model:
    """The network and what `signature.json` says about it."""

    engine: Engine
    threads: int
    labels: tuple[str, ...]
    side_px: int
    detail_side_px: int | None
    normalisation: str
    contrast_floor: float
    flip_average: bool
    temperature: float
    logit_offset: Array


@dataclass(frozen=True)
class Request:
    """Encoded pictures with their row ids; `single` for one picture without an id."""

    items: tuple[tuple[str, bytes], ...]
    single: bool


def model_fn(model_dir: str) -> Model:
    """Load the package in `model_dir` after checking its members against their sha256."""
    threads = os.environ.get(_THREADS_VARIABLE)
    if threads:
        torch.set_num_threads(int(threads))
    folder = Path(model_dir)
    signature = json.loads((folder / _SIGNATURE).read_text(encoding="utf-8"))
    for member, sealed in signature["members"].items():
        digest = hashlib.sha256((folder / member).read_bytes()).hexdigest()
        if digest != sealed:
            raise RuntimeError(f"{member} has sha256 {digest}, {_SIGNATURE} says otherwise")
    labels = tuple(signature["labels"])
    architecture = signature["architecture"]
    if architecture["name"] != "torchvision.mobilenet_v2":
        raise RuntimeError(f"architecture {architecture['name']!r} is not known to this code")
    preprocessing = signature["preprocessing"]
    if preprocessing["normalisation"] not in {_PICTURE_MODE, _IMAGENET_MODE}:
        raise RuntimeError(f"normalisation {preprocessing['normalisation']!r} is not known")
    if _engine_name(signature) == _ONNXRUNTIME:
        engine: Engine = OnnxEngine(folder / _GRAPH)
    else:
        engine = TorchEngine(folder / _WEIGHTS, len(labels), float(architecture["width"]))
    return Model(
        engine=engine,
        threads=torch.get_num_threads(),
        labels=labels,
        side_px=int(signature["input"]["side_px"]),
        detail_side_px=preprocessing["detail_side_px"],
        normalisation=preprocessing["normalisation"],
        contrast_floor=float(preprocessing["contrast_floor"]),
        flip_average=bool(preprocessing["flip_average"]),
        temperature=float(signature["temperature"]),
        logit_offset=np.array(signature["logit_offset"], np.float32),
    )


def _engine_name(signature: dict[str, Any]) -> str:
    """Return the engine to use: asked for in the environment, else the sealed one.

    A sealed engine that is not installed is a warning: torch always is, and answers
    alike. One that was asked for by name is an error.
    """
    asked = os.environ.get(_ENGINE_VARIABLE)
    name = asked or signature["serving"]["engine"]
    if name not in {_ONNXRUNTIME, _TORCH}:
        raise RuntimeError(f"{_ENGINE_VARIABLE} is {_ONNXRUNTIME} or {_TORCH}, not {name!r}")
    if name == _TORCH or importlib.util.find_spec(_ONNXRUNTIME) is not None:
        return str(name)
    if asked:
        raise RuntimeError(f"{_ENGINE_VARIABLE} asks for {name}, which is not installed")
    log.warning("onnxruntime is not installed: torch answers, more slowly")
    return _TORCH


class OnnxEngine:
    """ONNX Runtime; each call runs on its caller's thread alone.

    Threads that share one convolution wait for each other; batches on threads of
    their own do not.
    """

    name = _ONNXRUNTIME

    def __init__(self, graph: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: Array) -> Array:
        """Map float32 (N, 3, side, side) to logits (N, classes)."""
        (logits,) = self._session.run(None, {self._input: batch})
        return np.asarray(logits, np.float32)


class TorchEngine:
    """The network in torch, one batch at a time: torch uses its own threads inside."""

    name = _TORCH

    def __init__(self, weights: Path, classes: int, width: float) -> None:
        network = _mobilenet_v2(classes, width)
        network.load_state_dict(load_file(str(weights)))
        network.eval()
        _fold_norms(network)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._turn = threading.Lock()

    def __call__(self, batch: Array) -> Array:
        """Map float32 (N, 3, side, side) to logits (N, classes)."""
        with self._turn, torch.inference_mode():
            pictures = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
            return np.asarray(self._network(pictures).numpy(), np.float32)


def input_fn(body: bytes, content_type: str) -> Request:
    """Take a request apart; pictures stay encoded until their batch is due."""
    if content_type == PICTURE:
        return Request((("", bytes(body)),), single=True)
    if content_type == SHARD:
        return Request(tuple(_members(bytes(body))), single=False)
    raise GenericInferenceToolkitError(
        415, f"content type {content_type!r} is not one of {SHARD}, {PICTURE}"
    )


def predict_fn(request: Request, model: Model) -> tuple[list[dict[str, Any]], bool]:
    """Return one answer per picture, in the order of the request.

    What is in a batch does not depend on the number of threads; with ONNX Runtime, where
    a batch stays on one thread, neither does any bit of the answers.
    """
    batches = [request.items[i : i + _BATCH] for i in range(0, len(request.items), _BATCH)]
    workers = min(model.threads, len(batches))
    if workers <= 1:
        parts = [_answer(batch, model) for batch in batches]
    else:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(lambda batch: _answer(batch, model), batches))
    return [answer for part in parts for answer in part], request.single


def output_fn(prediction: tuple[list[dict[str, Any]], bool], accept: str) -> tuple[bytes, str]:
    """Encode the answers; the request's content type decides, `accept` does not."""
    del accept
    answers, single = prediction
    if single:
        answer = {key: value for key, value in answers[0].items() if key != "row_id"}
        if "error" in answer:
            raise GenericInferenceToolkitError(400, answer["error"])
        return json.dumps(answer).encode(), "application/json"
    return "".join(
        json.dumps(answer) + "\n" for answer in answers
    ).encode(), "application/jsonlines"


def _members(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Read a shard in memory; nothing is ever extracted to disk."""
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
            for count, member in enumerate(archive, start=1):
                if count > _MAX_MEMBERS:
                    raise _bad(f"more than {_MAX_MEMBERS} members")
                if not member.isreg() or not member.name.endswith(_SUFFIX):
                    raise _bad(f"member {member.name!r} is not a file named {{row_id}}{_SUFFIX}")
                if member.size > _MAX_MEMBER_BYTES:
                    raise _bad(f"member {member.name!r} is over {_MAX_MEMBER_BYTES} bytes")
                file = archive.extractfile(member)
                data = file.read() if file is not None else b""
                yield member.name.removesuffix(_SUFFIX), data
            tail = body[archive.offset :]
    except tarfile.TarError as error:
        raise _bad(str(error)) from error
    # tarfile takes a damaged header for the end; a whole archive ends in zero blocks.
    if len(tail) < _BLOCK_BYTES or tail.strip(b"\0"):
        raise _bad("it breaks off before its end")


def _bad(problem: str) -> Exception:
    error: Exception = GenericInferenceToolkitError(400, f"the shard cannot be read: {problem}")
    return error


def _answer(items: tuple[tuple[str, bytes], ...], model: Model) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = [{"row_id": row_id} for row_id, _ in items]
    pictures: list[Array] = []
    places: list[int] = []
    for place, (_, data) in enumerate(items):
        try:
            pictures.append(_grey(data, model))
        except Exception as error:  # noqa: BLE001 a decoder may raise anything
            answers[place]["error"] = f"the picture cannot be decoded: {error}"
            continue
        places.append(place)
    if not pictures:
        return answers
    logits = _logits(_normalise(np.stack(pictures), model), model)
    probabilities = _softmax(logits / model.temperature)
    for place, row, shares in zip(places, logits.tolist(), probabilities.tolist(), strict=True):
        best = max(range(len(shares)), key=shares.__getitem__)
        answers[place] |= {
            "emotion": model.labels[best],
            "confidence": round(shares[best], 6),
            "probabilities": {
                label: round(share, 6) for label, share in zip(model.labels, shares, strict=True)
            },
            "logits": [round(value, 5) for value in row],
        }
    return answers


def _grey(data: bytes, model: Model) -> Array:
    """Return a picture as float32 (side, side), 0 to 1, ITU-R BT.601 luma.

    Resizing is bilinear and antialiased, on floats: nothing is rounded on the way.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > _MAX_PIXELS:
                raise ValueError(f"{width}x{height} pixels are too many")
            if picture.mode in {"P", "PA", "LA", "RGBA", "La", "RGBa"}:
                grey = picture.convert("RGB").convert("L")
            else:
                grey = picture.convert("L")
    grey = grey.convert("F")
    if model.detail_side_px is not None and min(grey.size) > model.detail_side_px:
        grey = _resize(grey, model.detail_side_px)
    return np.asarray(_resize(grey, model.side_px), np.float32) / np.float32(255)


def _resize(grey: Image.Image, side: int) -> Image.Image:
    if grey.size == (side, side):
        return grey
    return grey.resize((side, side), Image.Resampling.BILINEAR)


def _normalise(grey: Array, model: Model) -> Array:
    """Turn (N, side, side), 0 to 1, into the network's input (N, 3, side, side).

    `picture`: every picture gets mean 0 and standard deviation 1. `imagenet`: the
    channels get the mean and standard deviation of ImageNet's.
    """
    if model.normalisation == _IMAGENET_MODE:
        return np.asarray((grey[:, None] - _IMAGENET_MEAN) / _IMAGENET_DEVIATION, np.float32)
    mean = grey.mean(axis=(1, 2), keepdims=True)
    deviation = np.maximum(grey.std(axis=(1, 2), keepdims=True), model.contrast_floor)
    return np.repeat(((grey - mean) / deviation)[:, None], 3, axis=1)


def _logits(batch: Array, model: Model) -> Array:
    logits = model.engine(batch)
    if model.flip_average:
        mirrored = model.engine(np.ascontiguousarray(batch[..., ::-1]))
        logits = (logits + mirrored) / np.float32(2)
    return logits + model.logit_offset


def _softmax(scores: Array) -> Array:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _mobilenet_v2(classes: int, width: float) -> nn.Module:
    """Build torchvision's network; beside a CPU-only torch two schemas are declared first."""
    if not torch.version.cuda and not _libraries:
        try:
            library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            _libraries.append(library)
            for operator in ("nms", "qnms"):
                library.define(
                    f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                )
        except RuntimeError:  # declared already, by torchvision itself or by the caller
            pass
    from torchvision.models import mobilenet_v2

    network: nn.Module = mobilenet_v2(weights=None, num_classes=classes, width_mult=width)
    return network


def _fold_norms(network: nn.Module) -> None:
    """Fold every batch normalisation into the convolution before it."""
    for block in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        layers = list(block.named_children())
        for (name, layer), (next_name, following) in itertools.pairwise(layers):
            if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                setattr(block, name, fuse_conv_bn_eval(layer, following))
                setattr(block, next_name, nn.Identity())
