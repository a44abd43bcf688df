"""The report's figures, gathered from the measuring modules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from include.statistics.estimate import Estimate
from ml.data.eda.agreement import Agreement, agreement, estimate
from ml.data.eda.balance import Balance, balances
from ml.data.eda.copies import Copies, find_copies
from ml.data.eda.left_out import Reason, reasons
from ml.data.eda.quality import Measure, measures
from ml.data.eda.survey import SetSurvey, Survey
from ml.data.records import FaceTable
from ml.data.splits import SPLITS, SplitManifest
from ml.data.votes import majority

Ints = npt.NDArray[np.int64]
_SEVEN = len(EXPRESSIONS)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page says, measured.

    Attributes:
        sets: What each data set brought.
        table: Distinct pictures.
        labels: (N,) majority label, -1 where there is none.
        sides: (N,) split, empty text where a picture is in none.
        split_sha256: Name of the split.
        counts: (7,) pictures by expression.
        by_split: Rows of (split, (8,) pictures by expression and, last, not scored); the
            split named "not listed" holds what the manifest does not know.
        options: What balancing does to the training part.
        agreement: None where no picture has two votes.
        overall: Mean majority share of the scored pictures.
        by_class: The same by expression.
        copies: Near-duplicates.
        left_out: Pictures that do not train or are not scored.
        quality: Light, contrast, sharpness of every picture.
    """

    sets: tuple[SetSurvey, ...]
    table: FaceTable
    labels: Ints
    sides: npt.NDArray[np.str_]
    split_sha256: str
    counts: Ints
    by_split: list[tuple[str, Ints]]
    options: list[Balance]
    agreement: Agreement | None
    overall: Estimate | None
    by_class: list[Estimate | None]
    copies: Copies
    left_out: list[Reason]
    quality: list[Measure]

    @property
    def rarest(self) -> int:
        """The expression with fewest pictures."""
        return int(self.counts.argmin())

    @property
    def most_common(self) -> int:
        """The expression with most pictures."""
        return int(self.counts.argmax())

    @property
    def imbalance(self) -> float:
        """Pictures of the most common expression for one of the rarest."""
        return float(self.counts.max() / max(1, self.counts.min()))


def measure(found: Survey, manifest: SplitManifest) -> Report:
    """Measure the surveyed pictures and their split."""
    table = found.table
    labels, sides = majority(table.votes), manifest.sides(table)
    by_split = [
        (name, _by_class(labels[sides == side]))
        for name, side in (*((split, split) for split in SPLITS), ("not listed", ""))
        if (sides == side).any()
    ]
    training = labels[sides == "train"] if (sides == "train").any() else labels
    agreed = agreement(table.votes)
    return Report(
        sets=found.sets,
        table=table,
        labels=labels,
        sides=sides,
        split_sha256=manifest.sha256,
        counts=_by_class(labels)[:_SEVEN],
        by_split=by_split,
        options=balances(_by_class(training)[:_SEVEN]),
        agreement=agreed,
        overall=estimate(agreed.share) if agreed else None,
        by_class=[
            estimate(agreed.share[agreed.labels == code]) if agreed else None
            for code in range(_SEVEN)
        ],
        copies=find_copies(table, sides),
        left_out=reasons(table.votes),
        quality=measures(table.images),
    )


def _by_class(labels: Ints) -> Ints:
    """Return pictures by expression and, last, those without a majority, shape (8,)."""
    return np.bincount(np.where(labels < 0, _SEVEN, labels), minlength=_SEVEN + 1)
