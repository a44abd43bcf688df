"""What a retraining learns from and what measures it: never the same face twice.

New labels are divided by recording, not by picture: neighbouring instants of a recording
show one person in one pose. Which side a recording is on follows from its id alone, so
that what once measured is never learnt later. Then every picture that trains or selects
is compared with every picture that measures, by content and by likeness
(`ml.data.duplicates`, `ml.data.shifted`), and gives way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from include.contracts.errors import ConfigurationError
from ml.data.duplicates import COMPARED_SIDE_PX, near_duplicate_groups
from ml.data.records import FaceRecord, FaceTable, grey_square, tabulate
from ml.data.shifted import copies_across
from ml.data.votes import majority, usable

Side = Literal["train", "validation", "test"]

SELECTS_SHARE = 0.15
"""Share of the recordings that do not measure, for selecting the epoch where no base set does."""

_RANK: Mapping[str, int] = {"train": 0, "validation": 1, "test": 2}
_HASH_RANGE = 1 << 64


@dataclass(frozen=True, slots=True)
class Assembled:
    """The rows of a retraining.

    Attributes:
        train: What is learnt.
        validation: What selects the epoch and fits temperature and abstention.
        dropped: Pictures left out of either because they resemble one that measures (or,
            of those that train, one that selects), by reason.
    """

    train: FaceTable
    validation: FaceTable
    dropped: Mapping[str, int]


def recording_of(record: FaceRecord) -> str:
    """Return the recording of a labelled crop: its extraction's id, else its file's name."""
    return PurePosixPath(record.name).stem.partition("-")[0]


def side_of(recording: str, held_out_share: float, *, selects: bool) -> Side:
    """Return the side of a recording, the same for ever for the same shares.

    Args:
        recording: Its id.
        held_out_share: Share of recordings that measure, 0 to 1.
        selects: Whether some must select the epoch as well.
    """
    place = int(hashlib.sha256(recording.encode()).hexdigest()[:16], 16) / _HASH_RANGE
    if place < held_out_share:
        return "test"
    if selects and place >= 1 - SELECTS_SHARE * (1 - held_out_share):
        return "validation"
    return "train"


def divide(
    records: Iterable[FaceRecord], held_out_share: float, *, selects: bool
) -> dict[Side, list[FaceRecord]]:
    """Divide new labels by recording; pictures that show none of the seven are left out."""
    sides: dict[Side, list[FaceRecord]] = {"train": [], "validation": [], "test": []}
    for record in records:
        if usable(np.array([record.votes], np.int64))[0]:
            sides[side_of(recording_of(record), held_out_share, selects=selects)].append(record)
    return sides


def assemble(
    train: Sequence[FaceRecord],
    validation: Sequence[FaceRecord],
    measuring: Sequence[FaceRecord],
    *,
    side_px: int,
    min_train_rows: int,
) -> Assembled:
    """Return the rows that train and select, without what resembles a row that measures.

    Args:
        train: Pictures that may train, the set with the better labels first.
        validation: Pictures that may select.
        measuring: Pictures of every evaluation set.
        side_px: Side of the pictures that train and select.
        min_train_rows: With fewer, nothing is trained.

    Raises:
        ConfigurationError: Too little is left to train, or nothing to select.
    """
    dropped: dict[str, int] = {}
    measured_keys = {record.key for record in measuring}
    validation = _without(validation, measured_keys, "validation_equal", dropped)
    selecting_keys = {record.key for record in validation}
    train = _without(train, measured_keys | selecting_keys, "train_equal", dropped)
    _require(len(train), len(validation), min_train_rows)
    tables: dict[str, FaceTable] = {
        "train": tabulate(train, side_px),
        "validation": tabulate(validation, side_px),
    }
    resembling = _resembling(tables, measuring)
    for side, rows in resembling.items():
        dropped[f"{side}_alike"] = len(rows)
        keep = np.ones(len(tables[side]), np.bool_)
        keep[rows] = False
        tables[side] = tables[side].select(keep)
    scored = int((majority(tables["validation"].votes) >= 0).sum())
    _require(len(tables["train"]), scored, min_train_rows)
    return Assembled(tables["train"], tables["validation"], dropped)


def _without(
    records: Sequence[FaceRecord], keys: set[str], reason: str, dropped: dict[str, int]
) -> list[FaceRecord]:
    kept = [record for record in records if record.key not in keys]
    dropped[reason] = len(records) - len(kept)
    return kept


def _resembling(
    tables: Mapping[str, FaceTable], measuring: Sequence[FaceRecord]
) -> dict[str, npt.NDArray[np.int64]]:
    """Return, by side, the rows that resemble one of a side with a higher rank."""
    pictures = [*tables["train"].images, *tables["validation"].images]
    pictures += [record.pixels for record in measuring]
    images = np.stack([grey_square(picture, COMPARED_SIDE_PX) for picture in pictures])
    counts = (len(tables["train"]), len(tables["validation"]), len(measuring))
    names = np.repeat(np.array(["train", "validation", "test"]), counts)
    ranks = np.array([_RANK[name] for name in names])
    groups = near_duplicate_groups(images)
    highest = np.zeros(int(groups.max()) + 1, np.int64)
    np.maximum.at(highest, groups, ranks)
    gives_way = highest[groups] > ranks
    for first, second in copies_across(images, names):
        lower = first if ranks[first] < ranks[second] else second
        gives_way[lower] = True
    starts = {"train": 0, "validation": counts[0]}
    return {
        side: np.flatnonzero(gives_way[start : start + len(tables[side])])
        for side, start in starts.items()
    }


def _require(train: int, validation: int, min_train_rows: int) -> None:
    if train < min_train_rows:
        raise ConfigurationError(
            "FEX_RETRAINING__MIN_TRAIN_ROWS",
            f"{train} labelled face(s) may be learnt, {min_train_rows} are needed: label more, or "
            "name a base set in FEX_RETRAINING__BASE_SET",
        )
    if not validation:
        raise ConfigurationError(
            "FEX_RETRAINING__BASE_SET",
            "no labelled face selects the epoch: label more recordings, or name a base set",
        )
