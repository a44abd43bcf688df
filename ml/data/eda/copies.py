"""Near-duplicates: how many, do their labels agree, does any lie on two sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.data.duplicates import near_duplicate_groups
from ml.data.records import FaceTable
from ml.data.shifted import copies_across, tainted
from ml.data.votes import majority

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Copies:
    """Near-duplicate pictures of a table.

    Attributes:
        groups: Rows of each group of two or more, largest group first.
        pictures: Pictures in such groups.
        disagreeing: Groups whose scored members have different majority labels.
        comparable: Groups with at least two scored members.
        across_splits: Groups with members in more than one split.
        across_sets: Groups with members of more than one data set.
        shifted: Pairs on different sides that show one photograph, cut a few pixels apart.
        tainted: Held-out pictures that would have to go for no such pair to remain.
    """

    groups: list[Rows]
    pictures: int
    disagreeing: int
    comparable: int
    across_splits: int
    across_sets: int
    shifted: list[tuple[int, int]]
    tainted: Rows


def find_copies(table: FaceTable, sides: npt.NDArray[np.str_]) -> Copies:
    """Find near-duplicates anew.

    Args:
        table: The pictures.
        sides: (N,) split of each picture, empty text where it is in none.
    """
    number = near_duplicate_groups(table.images)
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    groups = [rows for rows in np.split(order, starts[1:]) if len(rows) > 1]
    groups.sort(key=lambda rows: (-len(rows), int(rows[0])))
    labels, sources = majority(table.votes), np.array(table.sources)
    shifted = copies_across(table.images, sides)
    scored = [labels[rows][labels[rows] >= 0] for rows in groups]
    return Copies(
        groups=groups,
        pictures=sum(len(rows) for rows in groups),
        disagreeing=sum(len(set(own.tolist())) > 1 for own in scored),
        comparable=sum(len(own) > 1 for own in scored),
        across_splits=sum(len(set(sides[rows].tolist()) - {""}) > 1 for rows in groups),
        across_sets=sum(len(set(sources[rows].tolist())) > 1 for rows in groups),
        shifted=shifted,
        tainted=tainted(shifted, sides),
    )
