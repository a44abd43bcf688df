"""The pictures of a run: read, split, and named by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.data.datasets import NamedSet, load_sets
from ml.data.fairface import AGE_BANDS, load_fairface_ages
from ml.data.records import ImageArray, grey_square
from ml.data.splits import read_manifest
from ml.training.examples import Examples, scored_examples, training_examples
from ml.training.recipe import Recipe

_HELD_OUT_OF_AGES = 20
"""One in so many faces of the age task is held out, by its content hash."""


@dataclass(frozen=True, slots=True)
class RunData:
    """What trains and what selects.

    Attributes:
        train: Training rows.
        validation: Scored rows that select the epoch.
        hashes: `split_sha256` (where a manifest split them), and `train_sha256` and
            `validation_sha256` of the content hashes of the rows.
    """

    train: Examples
    validation: Examples
    hashes: dict[str, str]


def load_run_data(recipe: Recipe, sets: list[NamedSet], split: Path, unlabelled: Path) -> RunData:
    """Return the rows a recipe trains on and selects by.

    Args:
        recipe: Its `data` part decides.
        sets: Labelled data sets in order of precedence; not read by the age task.
        split: Split manifest of those.
        unlabelled: FairFace, for the age task.

    Raises:
        ConfigurationError: Data or manifest cannot be read, or a class is empty.
    """
    if recipe.data.task == "age":
        return _ages(unlabelled)
    table, manifest = load_sets(sets), read_manifest(split)
    train, validation = manifest.rows(table, "train"), manifest.rows(table, "validation")
    hashes = {"split_sha256": manifest.sha256} | _hashes(train.keys, validation.keys)
    return RunData(
        training_examples(train, recipe.data), scored_examples(validation, recipe.data), hashes
    )


def _ages(path: Path) -> RunData:
    images: dict[str, ImageArray] = {}
    labels: dict[str, int] = {}
    for record, band in load_fairface_ages(path):
        images[record.key], labels[record.key] = (
            grey_square(record.pixels),
            AGE_BANDS.index(band),
        )
    keys = list(images)
    held_out = np.array([int(key[:8], 16) % _HELD_OUT_OF_AGES == 0 for key in keys], np.bool_)
    targets = np.eye(len(AGE_BANDS), dtype=np.float32)[[labels[key] for key in keys]]
    every = Examples(np.stack([images[key] for key in keys]), targets, AGE_BANDS)
    rows = (np.flatnonzero(~held_out), np.flatnonzero(held_out))
    hashes = _hashes(*([keys[row] for row in side] for side in rows))
    return RunData(every.select(rows[0]), every.select(rows[1]), hashes)


def _hashes(train: Iterable[str], validation: Iterable[str]) -> dict[str, str]:
    sides = {"train": train, "validation": validation}
    return {
        f"{side}_sha256": hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()
        for side, keys in sides.items()
    }
