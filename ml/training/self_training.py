"""A teacher's soft labels for faces that nobody labelled (noisy student, Xie et al. 2020)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.datasets import load_set
from ml.data.records import ImageArray, grey_square
from ml.evaluation.packed import packed_logits
from ml.packaging.unpack import package_sha256, read_signature, unpack_package
from ml.serving.handler import PackedModel
from ml.training.examples import Examples
from ml.training.recipe import SelfTrainingPart

Logits = npt.NDArray[np.float32]

_CHUNK = 2000


def taught_examples(
    part: SelfTrainingPart,
    names: tuple[str, ...],
    data: Path,
    cache_dir: Path,
    report: Callable[[str], None],
) -> Examples:
    """Return the unlabelled faces of `data` with the teacher's labels as targets.

    The teacher answers each picture and its mirror image; the mean logits, divided by
    the package's temperature and the recipe's, become the label. Answers are computed
    once and kept in `cache_dir`, by the teacher's sha256 and the pictures'.

    Args:
        part: Teacher, temperature, least confidence, crop.
        names: The recipe's classes; the label is renormalised over them.
        data: Folder or zip of the data set.
        cache_dir: A training folder.
        report: Called with a line of progress at a time.

    Raises:
        ConfigurationError: The data or the teacher cannot be read, or the teacher is
            sure enough of no picture.
    """
    images = cropped_faces(part, data)
    signature = read_signature(part.teacher)
    columns = [list(signature["labels"]).index(name) for name in EXPRESSIONS]
    logits = _cached_logits(part.teacher, images, cache_dir, report)[:, columns]
    kept = logits[:, [EXPRESSIONS.index(name) for name in names]]
    targets = _softmax(kept / (float(signature["temperature"]) * part.temperature))
    sure = np.flatnonzero(targets.max(axis=1) >= part.min_confidence)
    if not len(sure):
        raise ConfigurationError(
            "self_training.min_confidence",
            f"{part.teacher} is {part.min_confidence} sure of none of {len(images)} pictures",
        )
    taught = Examples(images[sure], targets[sure], names)
    counts = zip(names, taught.counts().tolist(), strict=True)
    listed = ", ".join(f"{name} {count}" for name, count in counts)
    report(f"self-training on {len(sure)} of {len(images)} faces of {data.name}: {listed}")
    return taught


def cropped_faces(part: SelfTrainingPart, data: Path) -> ImageArray:
    """Return the central squares of a data set's faces in grey, uint8 (N, side, side).

    Raises:
        ConfigurationError: As the data set's loader, or pictures differ in size.
    """
    images = [
        central_square(grey_square(record.pixels), part.crop) for record in load_set(part.set, data)
    ]
    if len({image.shape for image in images}) != 1:
        raise ConfigurationError("--unlabelled", f"{data}: pictures of one size are needed")
    return np.stack(images)


def central_square(grey: ImageArray, share: float) -> ImageArray:
    """Return the central square of a grey picture (h, w), `share` of its shorter side."""
    height, width = grey.shape
    side = round(share * min(height, width))
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(grey[top : top + side, left : left + side])


def _cached_logits(
    teacher: Path, images: ImageArray, cache_dir: Path, report: Callable[[str], None]
) -> Logits:
    keys = {
        "teacher_sha256": package_sha256(teacher),
        "pictures_sha256": hashlib.sha256(images.tobytes()).hexdigest(),
    }
    name = f"taught-{keys['teacher_sha256'][:12]}-{keys['pictures_sha256'][:12]}.safetensors"
    path = cache_dir / name
    if path.is_file():
        return _read(path, keys)
    logits = _answers(teacher, images, report)
    cache_dir.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({"logits": logits}, partial, metadata=keys)
    partial.replace(path)
    return logits


def _read(path: Path, keys: dict[str, str]) -> Logits:
    try:
        with safe_open(path, framework="np") as file:
            metadata, logits = file.metadata(), file.get_tensor("logits")
    except (SafetensorError, OSError) as error:
        raise ConfigurationError("--out", f"{path} is damaged ({error}): delete it") from error
    if metadata != keys:
        raise ConfigurationError("--out", f"{path} belongs to other pictures: delete it")
    return np.asarray(logits, np.float32)


def _answers(teacher: Path, images: ImageArray, report: Callable[[str], None]) -> Logits:
    rows: list[npt.NDArray[np.float64]] = []
    with tempfile.TemporaryDirectory() as scratch:
        model = PackedModel.open(unpack_package(teacher, Path(scratch)))
        for start in range(0, len(images), _CHUNK):
            part = images[start : start + _CHUNK]
            mirrored = packed_logits(model, list(np.ascontiguousarray(part[:, :, ::-1])))
            rows.append((packed_logits(model, list(part)) + mirrored) / 2)
            report(f"teacher {teacher.name} answered {start + len(part)} of {len(images)} faces")
    return np.concatenate(rows).astype(np.float32)


def _softmax(logits: Logits) -> Logits:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)
