"""From a table of faces and votes to pictures with targets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.data.records import FaceTable, ImageArray
from ml.data.votes import majority, soft_targets, usable
from ml.training.recipe import DataPart


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures with what is to be answered.

    Attributes:
        images: uint8, shape (N, side, side).
        targets: Label distributions, float32, shape (N, classes), rows sum to 1.
        names: Class names in the order of the columns.
        hints: A teacher's features, float32, shape (N, D); D is 0 without one.
    """

    images: ImageArray
    targets: npt.NDArray[np.float32]
    names: tuple[str, ...]
    hints: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @property
    def columns(self) -> npt.NDArray[np.float32]:
        """Targets and hints side by side, float32, shape (N, classes + D)."""
        return (
            np.concatenate([self.targets, self.hints], axis=1) if self.hints.size else self.targets
        )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The most probable class of each row, the first where several are."""
        return np.asarray(self.targets.argmax(axis=1), np.int64)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many rows each class labels."""
        return np.asarray(np.bincount(self.labels, minlength=len(self.names)), np.int64)

    def select(self, rows: npt.NDArray[np.int64]) -> Examples:
        """Return the rows of an index."""
        hints = self.hints[rows] if self.hints.size else self.hints
        return replace(self, images=self.images[rows], targets=self.targets[rows], hints=hints)


def training_examples(table: FaceTable, part: DataPart) -> Examples:
    """Return the rows that train.

    Soft labels: every picture that shows one of the seven expressions and whose
    strongest expression is among the recipe's classes. Majority labels: those of them
    with a unique majority.

    Raises:
        ConfigurationError: A class has no picture; the message names it.
    """
    if part.labels == "majority":
        examples = scored_examples(table, part)
    else:
        columns = [EXPRESSIONS.index(name) for name in part.names]
        targets = soft_targets(table.votes)
        rows = np.flatnonzero(usable(table.votes) & np.isin(targets.argmax(axis=1), columns))
        kept = targets[rows][:, columns]
        kept /= kept.sum(axis=1, keepdims=True)
        examples = Examples(table.images[rows], kept, part.names)
    empty = [name for name, count in zip(part.names, examples.counts(), strict=True) if not count]
    if empty:
        raise ConfigurationError(
            "--data", f"no training picture shows {', '.join(empty)}: add some or set data.classes"
        )
    return examples


def scored_examples(table: FaceTable, part: DataPart) -> Examples:
    """Return the rows that are scored: a unique majority, among the recipe's classes."""
    columns = [EXPRESSIONS.index(name) for name in part.names]
    truth = majority(table.votes)
    rows = np.flatnonzero(np.isin(truth, columns))
    labels = np.searchsorted(columns, truth[rows])
    targets = np.eye(len(columns), dtype=np.float32)[labels]
    return Examples(table.images[rows], targets, part.names)
