"""Displayed-expression classifier, as SageMaker's PyTorch container runs it.

This file travels inside `model.tar.gz` and imports nothing of the project that
built it. All it knows about the model it reads from `signature.json`.

Content types:
    application/x-tar: a shard, a tar of pictures named `{row_id}.jpg`. The answer is
        application/jsonlines, one object per picture.
    application/x-image: one face crop of any size, grey or colour. The answer is one
        application/json object.

An object carries `emotion` (label with the highest probability), `confidence` (that
probability, 0 to 1), `probabilities` (by label, temperature scaled, sum 1) and
`logits` (in label order, not scaled). `row_id` is present for shards. A picture of a
shard that cannot be decoded gets an object with `error` instead; a single one that
cannot be decoded is answered with status 400, like a damaged shard.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import tarfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

try:
    from sagemaker_inference.errors import GenericInferenceToolkitError
except ImportError:  # outside the container's toolkit an error is a plain exception

    class GenericInferenceToolkitError(Exception):  # type: ignore[no-redef]
        """Carries an HTTP status."""

        def __init__(self, status_code: int, message: str) -> None:
            super().__init__(status_code, message)


SHARD = "application/x-tar"
PICTURE = "application/x-image"

_BATCH = 32
_MAX_MEMBERS = 100_000
_MAX_MEMBER_BYTES = 16 * 2**20
_MAX_PIXELS = 40_000_000
_SUFFIX = ".jpg"
_BLOCK_BYTES = 512
_THREADS_VARIABLE = "FEX_MODEL_THREADS"

# A torch Library unregisters its schemas when it is garbage collected.
_libraries: list[Any] = []


@dataclass(frozen=True)
class Model:
    """The network and what `signature.json` says about it."""

    network: nn.Module
    labels: tuple[str, ...]
    side_px: int
    detail_side_px: int | None
    contrast_floor: float
    flip_average: bool
    temperature: float


@dataclass(frozen=True)
class Request:
    """Encoded pictures with their row ids; `single` for one picture without an id."""

    items: tuple[tuple[str, bytes], ...]
    single: bool


def model_fn(model_dir: str) -> Model:
    """Load the package in `model_dir` after checking the weights against their sha256."""
    threads = os.environ.get(_THREADS_VARIABLE)
    if threads:
        torch.set_num_threads(int(threads))
    folder = Path(model_dir)
    signature = json.loads((folder / "signature.json").read_text(encoding="utf-8"))
    weights = folder / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != signature["members"]["model.safetensors"]:
        raise RuntimeError(f"model.safetensors has sha256 {digest}, signature.json says otherwise")
    labels = tuple(signature["labels"])
    architecture = signature["architecture"]
    if architecture["name"] != "torchvision.mobilenet_v2":
        raise RuntimeError(f"architecture {architecture['name']!r} is not known to this code")
    network = _mobilenet_v2(len(labels), float(architecture["width"]))
    network.load_state_dict(load_file(str(weights)))
    network.eval()
    _fold_norms(network)
    preprocessing = signature["preprocessing"]
    return Model(
        network=network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        labels=labels,
        side_px=int(signature["input"]["side_px"]),
        detail_side_px=preprocessing["detail_side_px"],
        contrast_floor=float(preprocessing["contrast_floor"]),
        flip_average=bool(preprocessing["flip_average"]),
        temperature=float(signature["temperature"]),
    )


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
    """Return one answer per picture, in the order of the request."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(request.items), _BATCH):
        answers.extend(_answer(request.items[start : start + _BATCH], model))
    return answers, request.single


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
    pictures: list[np.ndarray] = []
    places: list[int] = []
    for place, (_, data) in enumerate(items):
        try:
            pictures.append(_decode(data))
        except Exception as error:  # noqa: BLE001 a decoder may raise anything
            answers[place]["error"] = f"the picture cannot be decoded: {error}"
            continue
        places.append(place)
    if not pictures:
        return answers
    logits = _logits(_prepare(pictures, model), model)
    probabilities = (logits / model.temperature).softmax(dim=1)
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


def _decode(data: bytes) -> np.ndarray:
    """Return the picture as grey uint8 (height, width), ITU-R BT.601 luma."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > _MAX_PIXELS:
                raise ValueError(f"{width}x{height} pixels are too many")
            if picture.mode in {"P", "PA", "LA", "RGBA", "La", "RGBa"}:
                return np.array(picture.convert("RGB").convert("L"))
            return np.array(picture.convert("L"))


def _prepare(pictures: list[np.ndarray], model: Model) -> torch.Tensor:
    """Return float32 (N, 1, side, side), each picture with mean 0 and standard deviation 1.

    Pictures of one size go through in one piece: many small parallel steps cost more in
    waiting than in arithmetic when the processors are shared.
    """
    result = torch.empty(len(pictures), 1, model.side_px, model.side_px)
    places: dict[tuple[int, ...], list[int]] = {}
    for place, grey in enumerate(pictures):
        places.setdefault(grey.shape, []).append(place)
    for shape, rows in places.items():
        batch = torch.from_numpy(np.stack([pictures[row] for row in rows]))
        tensor = batch.unsqueeze(1).float().div(255)
        if model.detail_side_px is not None and min(shape) > model.detail_side_px:
            tensor = _resize(tensor, model.detail_side_px)
        result[rows] = _resize(tensor, model.side_px)
    mean = result.mean(dim=(1, 2, 3), keepdim=True)
    deviation = result.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (result - mean) / deviation.clamp_min(model.contrast_floor)


def _resize(tensor: torch.Tensor, side: int) -> torch.Tensor:
    if tensor.shape[-2:] == (side, side):
        return tensor
    return functional.interpolate(
        tensor, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )


def _logits(grey: torch.Tensor, model: Model) -> torch.Tensor:
    with torch.inference_mode():
        batch = grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        logits: torch.Tensor = model.network(batch)
        if model.flip_average:
            mirrored = batch.flip(3).contiguous(memory_format=torch.channels_last)
            logits = (logits + model.network(mirrored)) / 2
        return logits


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
