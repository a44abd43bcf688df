"""What a teacher adds to a run's pictures: softer targets, features, more faces.

Knowledge distillation (Hinton et al. 2015) on the labelled pictures, noisy student (Xie
et al. 2020) on faces that nobody labelled, and the teacher's features as hints (Romero et
al. 2015, FitNets) on both: whatever face the student sees, it learns to say what the
teacher's last layer reads, and the layer that says it is thrown away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from include.contracts.errors import ConfigurationError
from ml.data.datasets import load_set
from ml.data.records import ImageArray, grey_square
from ml.evaluation.calibration import fit_temperature, softmax
from ml.files import written_whole
from ml.training.data import RunData
from ml.training.examples import Examples
from ml.training.recipe import DistillationPart
from ml.training.teacher import Answers, Teacher

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a student trains on.

    Attributes:
        labelled: The run's training pictures, with the teacher's share in their targets.
        unlabelled: Faces whose targets are the teacher's alone; None where none are used.
    """

    labelled: Examples
    unlabelled: Examples | None


def prepare_lesson(
    part: DistillationPart | None,
    data: RunData,
    faces: Path,
    cache_dir: Path,
    report: Report,
    device: torch.device | None = None,
) -> Lesson:
    """Ask the teacher, if there is one, about every picture of a run.

    Its logits are divided by the temperature that fits them to the validation rows, and
    by the recipe's. They are computed once and kept in `cache_dir`.

    Args:
        part: Teacher, shares, hints; None: the run's pictures are learnt as they are.
        data: The run's pictures; validation rows only set the temperature.
        faces: Folder or zip of the unlabelled data set.
        cache_dir: A training folder.
        report: Called with a line of progress at a time.
        device: Where the teacher answers.

    Raises:
        ConfigurationError: The data or the teacher cannot be read, it does not know a
            class of the recipe, or it is sure enough of no unlabelled picture.
    """
    if part is None:
        return Lesson(data.train, None)
    teacher = Teacher.of_run(part.teacher, device or torch.device("cpu"))
    ask = _Asking(teacher, _columns(teacher, data.train.names), part.mirror, cache_dir, report)
    fitted = fit_temperature(
        ask(data.validation.images).logits.astype(np.float64), data.validation.labels
    )
    temperature = fitted * part.temperature
    report(f"temperature of teacher {teacher.recipe.name} on validation: {fitted:.3f}")
    labelled = _taught(data.train, ask(data.train.images), temperature, part, part.labelled_share)
    unlabelled = None
    if part.unlabelled_share > 0:
        unlabelled = _unlabelled(part, faces, ask, temperature, data.train.names)
    return Lesson(labelled, unlabelled)


def cropped_faces(part: DistillationPart, data: Path) -> ImageArray:
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


def _columns(teacher: Teacher, names: tuple[str, ...]) -> list[int]:
    known = teacher.recipe.data.names
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigurationError(
            "distillation.teacher", f"{teacher.recipe.name} does not answer {', '.join(missing)}"
        )
    return [known.index(name) for name in names]


def _taught(
    examples: Examples, answers: Answers, temperature: float, part: DistillationPart, share: float
) -> Examples:
    """Blend the teacher's answers into targets; its features come along where they are wanted."""
    targets = (1 - share) * examples.targets + share * softmax(answers.logits, temperature)
    taught = replace(examples, targets=targets.astype(np.float32))
    return replace(taught, hints=answers.features) if part.features > 0 else taught


def _unlabelled(
    part: DistillationPart, faces: Path, ask: _Asking, temperature: float, names: tuple[str, ...]
) -> Examples:
    images = cropped_faces(part, faces)
    blank = Examples(images, np.zeros((len(images), len(names)), np.float32), names)
    taught = _taught(blank, ask(images), temperature, part, 1.0)
    sure = np.flatnonzero(taught.targets.max(axis=1) >= part.min_confidence)
    if not len(sure):
        raise ConfigurationError(
            "distillation.min_confidence",
            f"{part.teacher} is {part.min_confidence} sure of none of {len(images)} pictures",
        )
    kept = taught.select(sure)
    counts = zip(names, kept.counts().tolist(), strict=True)
    listed = ", ".join(f"{name} {count}" for name, count in counts)
    ask.report(f"{len(sure)} of {len(images)} faces of {faces.name} are taught: {listed}")
    return kept


@dataclass(frozen=True, slots=True)
class _Asking:
    """A teacher whose answers are kept, by its sha256 and the pictures'."""

    teacher: Teacher
    columns: list[int]
    mirror: bool
    cache_dir: Path
    report: Report

    def __call__(self, images: ImageArray) -> Answers:
        keys = {
            "teacher_sha256": self.teacher.sha256,
            "pictures_sha256": hashlib.sha256(images.tobytes()).hexdigest(),
        }
        kind = "mirrored" if self.mirror else "taught"
        name = f"{kind}-{keys['teacher_sha256'][:12]}-{keys['pictures_sha256'][:12]}.safetensors"
        path = self.cache_dir / name
        answers = _read(path, keys) if path.is_file() else self._ask(images, path, keys)
        return replace(answers, logits=answers.logits[:, self.columns])

    def _ask(self, images: ImageArray, path: Path, keys: dict[str, str]) -> Answers:
        answers = self.teacher.answer(images, self.report, mirror=self.mirror)
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        tensors = {"logits": answers.logits, "features": answers.features}
        with written_whole(path) as partial:
            save_file(tensors, partial, metadata=keys)
        return answers


def _read(path: Path, keys: dict[str, str]) -> Answers:
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata()
            answers = Answers(file.get_tensor("logits"), file.get_tensor("features"))
    except (SafetensorError, OSError) as error:
        raise ConfigurationError("--out", f"{path} is damaged ({error}): delete it") from error
    if metadata != keys:
        raise ConfigurationError("--out", f"{path} belongs to other pictures: delete it")
    return answers
