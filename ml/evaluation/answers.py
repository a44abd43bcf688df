"""What a model answered, as a value and as a file that any tool can write.

The file is JSON: `model` (a name), `labels` (the seven, in the file's own column
order), `keys` (content hashes of the pictures, as `ml.data.records.content_key`) and
`probabilities` (one row per key, or null where the model gave no answer, for example
because its own detector found no face).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.records import ImageArray
from ml.evaluation.calibration import softmax
from ml.evaluation.packed import encoded_logits, packed_logits
from ml.packaging.signature import Signature
from ml.packaging.unpack import package_sha256, read_signature, unpack_package
from ml.serving.handler import PackedModel

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """Probabilities (N, 7) in the order of `EXPRESSIONS`; a row of NaN is no answer."""

    model: str
    probabilities: Probabilities

    @property
    def answered(self) -> npt.NDArray[np.bool_]:
        """Which rows have an answer, shape (N,)."""
        return np.asarray(np.isfinite(self.probabilities).all(axis=1), np.bool_)


class OpenPackage:
    """A package that answers pictures. Build with `open_package`."""

    def __init__(self, path: Path, model: PackedModel, signature: Signature) -> None:
        self.path = path
        self.sha256 = package_sha256(path)
        self.signature = signature
        self._model = model
        self._columns = [signature.labels.index(label) for label in EXPRESSIONS]

    @property
    def name(self) -> str:
        """Package version and the first digits of its hash."""
        return f"package {self.signature.package_version} ({self.sha256[:8]})"

    @property
    def threshold(self) -> float:
        """Confidence under which an answer is set aside, 0 to 1."""
        return self.signature.abstain_threshold

    def probabilities(self, images: Sequence[ImageArray]) -> Probabilities:
        """Return calibrated probabilities (N, 7) in the order of `EXPRESSIONS`."""
        if not images:
            return np.zeros((0, len(EXPRESSIONS)))
        return self._calibrated(packed_logits(self._model, list(images)))

    def file_probabilities(self, pictures: Sequence[bytes]) -> Probabilities:
        """Return probabilities (N, 7) of encoded pictures (JPEG, PNG), as `probabilities`."""
        if not pictures:
            return np.zeros((0, len(EXPRESSIONS)))
        return self._calibrated(encoded_logits(self._model, pictures))

    def _calibrated(self, logits: Probabilities) -> Probabilities:
        return softmax(logits, self.signature.temperature)[:, self._columns]


def open_package(path: Path, scratch: Path) -> OpenPackage:
    """Check, unpack (under `scratch`) and load a package.

    Raises:
        ConfigurationError: The package is damaged, does not load, or answers other labels.
    """
    signature = read_signature(path)
    if sorted(signature.labels) != sorted(EXPRESSIONS):
        raise ConfigurationError("--model", f"{path} answers the labels {list(signature.labels)}")
    return OpenPackage(path, PackedModel.open(unpack_package(path, scratch)), signature)


def read_answers(path: Path, keys: tuple[str, ...]) -> Answers:
    """Read a file of answers and bring it to the order of `keys` and `EXPRESSIONS`.

    Raises:
        ConfigurationError: The file is not as the module's docstring says, or lacks a
            picture of `keys`; the message names the file and the first problem.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        columns = [document["labels"].index(label) for label in EXPRESSIONS]
        rows = dict(zip(document["keys"], document["probabilities"], strict=True))
        model = str(document["model"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            "--answers", f"{path} is not a file of answers: {error}"
        ) from error
    missing = [key for key in keys if key not in rows]
    if missing:
        raise ConfigurationError(
            "--answers",
            f"{path} lacks {len(missing)} of {len(keys)} pictures, the first is {missing[0]}: "
            "let the model answer the same pictures",
        )
    table = np.full((len(keys), len(EXPRESSIONS)), np.nan)
    for place, key in enumerate(keys):
        row = rows[key]
        if row is None:
            continue
        if len(row) != len(EXPRESSIONS) or not abs(sum(row) - 1) < 0.01:
            raise ConfigurationError(
                "--answers",
                f"{path}: the answer for {key} is not seven probabilities that sum to 1",
            )
        table[place] = np.array(row, np.float64)[columns]
    if not np.isfinite(table).any():
        raise ConfigurationError("--answers", f"{path} answers none of the {len(keys)} pictures")
    return Answers(model, table)


def write_answers(path: Path, answers: Answers, keys: tuple[str, ...]) -> None:
    """Write answers so that `read_answers` reads them back."""
    rows = [
        [round(float(share), 6) for share in row] if answered else None
        for row, answered in zip(answers.probabilities, answers.answered, strict=True)
    ]
    document = {
        "model": answers.model,
        "labels": list(EXPRESSIONS),
        "keys": list(keys),
        "probabilities": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def packaged_answers(package: Path, images: tuple[ImageArray, ...]) -> Answers:
    """Let a package answer pictures and put it away again."""
    with tempfile.TemporaryDirectory() as scratch:
        opened = open_package(package, Path(scratch))
        return Answers(opened.name, opened.probabilities(images))
