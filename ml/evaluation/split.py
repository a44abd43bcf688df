"""A split of FER+ as pictures and single true labels, and a package measured on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.data.ferplus import load_ferplus
from ml.data.records import FaceTable, tabulate
from ml.data.splits import DEFAULT_MANIFEST, SplitName, read_manifest
from ml.data.votes import majority
from ml.evaluation.packed import packed_logits
from ml.serving.handler import PackedModel

Logits = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def labelled_split(
    data: Path, split: SplitName, manifest: Path = DEFAULT_MANIFEST
) -> tuple[FaceTable, Labels]:
    """Return the pictures of a split with a unique majority, and their labels.

    Raises:
        ConfigurationError: Data or manifest cannot be read.
    """
    rows = read_manifest(manifest).rows(tabulate(load_ferplus(data)), split)
    labels = majority(rows.votes)
    return rows.select(labels >= 0), labels[labels >= 0]


def split_logits(model: PackedModel, table: FaceTable) -> Logits:
    """Return the packed model's logits for a table's pictures, shape (N, 7)."""
    return packed_logits(model, list(table.images))
