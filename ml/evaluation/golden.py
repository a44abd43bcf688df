"""The golden-image gate: nothing is registered before it passes.

The packed model answers a few stored pictures through the AWS handler, with each
engine it carries. Its answers must be those stored in `signature.json`, which the
training code computed with the unpacked network (another code path, the same weights),
and where people agree on what a picture shows, that must be the answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from include.contracts.answers import ANSWER
from include.contracts.errors import PlatformError
from include.contracts.labels import EXPRESSIONS
from ml.evaluation.golden_pictures import GOLDEN_DIR
from ml.evaluation.packed import shard
from ml.models.preprocessing import network_input
from ml.packaging.build import GRAPH_MEMBER
from ml.packaging.signature import Signature
from ml.packaging.unpack import read_signature, unpack_package
from ml.serving.handler import PackedModel

TOLERANCE = 0.02
"""Largest difference of a probability; decoders and processors differ by less."""
INT8_TOLERANCE = 0.15
"""The same for a quantised network; what it costs in accuracy is measured elsewhere."""

TRUTH: Mapping[str, str] = {"portrait": "happiness", "portrait_grey_48": "happiness"}
"""What people see in a picture, where they agree."""

Answers = dict[str, dict[str, float]]
Stored = Mapping[str, Mapping[str, float]]


class GoldenImageError(PlatformError):
    """The packed model does not answer the golden pictures as it should."""


def golden_pictures() -> dict[str, bytes]:
    """Return the stored pictures (PNG) by name."""
    return {path.stem: path.read_bytes() for path in sorted(GOLDEN_DIR.glob("*.png"))}


def reference_answers(network: nn.Module, signature: Signature) -> Answers:
    """Compute the answers with the unpacked network, for `make_signature(golden=...)`.

    Args:
        network: The trained network, in the label order of `EXPRESSIONS`.
        signature: Input size, preprocessing and temperature are read from it.
    """
    answers: Answers = {}
    network.eval()
    for name, data in golden_pictures().items():
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        batch = network_input(
            torch.from_numpy(grey)[None],
            signature.input.side_px,
            detail_side=signature.preprocessing.detail_side_px,
            normalisation=signature.preprocessing.normalisation,
        )
        with torch.inference_mode():
            logits = network(batch)
            if signature.preprocessing.flip_average:
                logits = (logits + network(batch.flip(3))) / 2
            logits = logits + torch.tensor(signature.logit_offset)
            shares = (logits / signature.temperature).softmax(dim=1)[0].tolist()
        answers[name] = {
            label: round(share, 5) for label, share in zip(EXPRESSIONS, shares, strict=True)
        }
    return answers


def packed_answers(model: PackedModel) -> Answers:
    """Return the packed model's answers, asked as a shard and one by one."""
    pictures = golden_pictures()
    body, _ = model.invoke(shard(pictures.items()), "application/x-tar")
    answers: Answers = {}
    for answer in ANSWER.read_lines(body, "the answers of the package"):
        answers[answer.row_id] = dict(answer.probabilities or {})
    for name, data in pictures.items():
        single = ANSWER.read(model.invoke(data, "application/x-image")[0], name)
        if _difference(single.probabilities or {}, answers.get(name, {})) > TOLERANCE:
            raise GoldenImageError(f"{name}: a shard and a single picture get different answers")
    return answers


def check_golden(package: Path) -> None:
    """Run a package's model on the golden pictures.

    Raises:
        GoldenImageError: An answer differs from the stored one, or from what people see.
        ConfigurationError: The package is damaged or does not load.
    """
    signature = read_signature(package)
    if sorted(signature.labels) != sorted(EXPRESSIONS):
        raise GoldenImageError(f"{package} has the labels {list(signature.labels)}")
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = unpack_package(package, Path(scratch))
        for engine, tolerance in _engines(signature).items():
            found = packed_answers(PackedModel.open(folder, engine=engine))
            problems += [
                f"{engine}: {said}" for said in _problems(found, signature.golden, tolerance)
            ]
    if problems:
        raise GoldenImageError(f"{package} fails the golden-image gate: {'; '.join(problems)}")


def _engines(signature: Signature) -> dict[str, float]:
    """Return the engines that the package carries, each with its tolerance."""
    engines = {"torch": TOLERANCE}
    if GRAPH_MEMBER in signature.members:
        quantised = signature.serving.precision == "int8"
        engines["onnxruntime"] = INT8_TOLERANCE if quantised else TOLERANCE
    return engines


def _problems(found: Answers, stored: Stored, tolerance: float) -> list[str]:
    problems = [
        f"{name}: probabilities differ by {difference:.3f} from the stored answer"
        for name in found
        if (difference := _difference(found[name], stored.get(name, {}))) > tolerance
    ]
    for name, truth in TRUTH.items():
        answer = max(found[name], key=found[name].__getitem__)
        if answer != truth:
            problems.append(f"{name}: answered {answer}, people see {truth}")
    return problems


def _difference(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    if first.keys() != second.keys() or not first:
        return 1.0
    return max(abs(first[label] - second[label]) for label in first)
