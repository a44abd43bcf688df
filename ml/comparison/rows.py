"""The pictures that every network trains, selects and is measured on: the same ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.comparison.plan import Budget, Task
from ml.data.ferplus import load_ferplus
from ml.data.records import tabulate
from ml.data.splits import read_manifest
from ml.training.examples import Examples, scored_examples, training_examples
from ml.training.recipe import DataPart

_SEED = 20261121
_VALIDATION_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Rows:
    """Pictures of a task.

    Attributes:
        train: Train; a random draw where the budget says so.
        validation: Select the epoch; drawn along with a subset, a quarter as many.
        test: Scored once per network: unique majority among the task's classes.
        split_sha256: Name of the split.
        sha256: Hash of all these pictures and their targets: the same rows, the same hash.
        train_available: Pictures of which `train` were drawn.
    """

    train: Examples
    validation: Examples
    test: Examples
    split_sha256: str
    sha256: str
    train_available: int


def load_rows(data: Path, split: Path, task: Task, budget: Budget) -> Rows:
    """Read the pictures of a task.

    Raises:
        ConfigurationError: Data or split cannot be read, or a class has no picture.
    """
    table, manifest = tabulate(load_ferplus(data)), read_manifest(split)
    part = DataPart(classes=task.subset)
    available = training_examples(manifest.rows(table, "train"), part)
    train = _drawn(available, budget.subset)
    validation = scored_examples(manifest.rows(table, "validation"), part)
    if budget.subset is not None:
        validation = _drawn(validation, round(_VALIDATION_SHARE * budget.subset))
    test = scored_examples(manifest.rows(table, "test"), part)
    return Rows(
        train=train,
        validation=validation,
        test=test,
        split_sha256=manifest.sha256,
        sha256=_digest(train, validation, test),
        train_available=len(available),
    )


def _drawn(examples: Examples, count: int | None) -> Examples:
    if count is None or count >= len(examples):
        return examples
    chosen = np.random.default_rng(_SEED).choice(len(examples), count, replace=False)
    return examples.select(np.sort(chosen).astype(np.int64))


def _digest(*parts: Examples) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part.images.shape}{part.targets.shape}{part.names}".encode())
        digest.update(np.ascontiguousarray(part.images).tobytes())
        digest.update(np.ascontiguousarray(part.targets).tobytes())
    return digest.hexdigest()
