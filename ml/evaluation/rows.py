"""Which pictures a model is measured on: never one that trained or chose it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from include.contracts.errors import ConfigurationError
from ml.data import ferplus
from ml.data.datasets import load_set
from ml.data.records import FaceRecord, ImageArray, VoteArray
from ml.data.sources import open_source
from ml.data.splits import FIRST_MANIFEST, SplitManifest, read_manifest
from ml.data.votes import majority

FERPLUS_PARTS = (*ferplus.DEVELOPMENT_PARTS, "FER2013Test")

Labels = npt.NDArray[np.int64]
Side = Literal["test", "validation"]


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Pictures with one truth each.

    Attributes:
        name: What they are, for people.
        keys: N content hashes.
        images: N pictures, uint8, grey (h, w) or BGR (h, w, 3).
        votes: Annotators per `VOTE_NAMES` entry, shape (N, 10).
        labels: Index of the unique majority among the seven, shape (N,).
        left_out: Held-out pictures without a unique majority, which are not scored.
    """

    name: str
    keys: tuple[str, ...]
    images: tuple[ImageArray, ...]
    votes: VoteArray
    labels: Labels
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: npt.NDArray[np.int64]) -> ScoredRows:
        """Return the rows at the positions `rows`."""
        return ScoredRows(
            self.name,
            tuple(self.keys[i] for i in rows),
            tuple(self.images[i] for i in rows),
            self.votes[rows],
            self.labels[rows],
            self.left_out,
        )


def held_out_rows(
    records: Iterable[FaceRecord],
    manifest: SplitManifest,
    name: str,
    *,
    set_aside: Collection[str] = (),
    side: Side = "test",
) -> ScoredRows:
    """Return the pictures that neither train nor select by `manifest`, with their truths.

    That is the test split where the manifest lists the pictures, and every picture of a
    set it does not know. Pictures are recognised by content; the votes of exact
    duplicates are summed.

    Args:
        records: Labelled pictures.
        manifest: Which of them train, select and test.
        name: What they are, for people.
        set_aside: Keys, as a manifest writes them, of pictures that are not scored
            unless the manifest lists them as test.
        side: `validation` scores what the manifest lists there and nothing else: to
            choose between models, never to say how good one is.

    Raises:
        ConfigurationError: Nothing is left to score.
    """
    digits = len(next(iter(manifest.split_of or set_aside), ""))
    images: dict[str, ImageArray] = {}
    votes: dict[str, npt.NDArray[np.int64]] = {}
    used = 0
    wanted = {"test", None} if side == "test" else {side}
    for record in records:
        key = record.key
        listed = manifest.split_of.get(key[:digits])
        if listed not in wanted or (listed is None and key[:digits] in set_aside):
            used += 1
            continue
        cast = np.array(record.votes, np.int64)
        votes[key] = votes[key] + cast if key in votes else cast
        images.setdefault(key, record.pixels)
    keys = tuple(images)
    table = np.stack([votes[key] for key in keys]) if keys else np.zeros((0, 10), np.int64)
    labels = majority(table)
    scored = np.flatnonzero(labels >= 0)
    if not len(scored):
        raise ConfigurationError(
            "--data",
            f"{name} has no picture to score: {used} train or select by the split manifest, and "
            f"none of the other {len(keys)} has a unique majority of the seven expressions; "
            "give a labelled set that the model has not seen",
        )
    return ScoredRows(
        name,
        tuple(keys[i] for i in scored),
        tuple(images[keys[i]] for i in scored),
        table[scored],
        labels[scored],
        len(keys) - len(scored),
    )


def load_rows(
    path: Path, set_name: str, manifest: SplitManifest, *, side: Side = "test"
) -> ScoredRows:
    """Return what may be scored of the data set `set_name` at `path`, see `held_out_rows`.

    FER+ is read with whichever of its three parts are there, the official test part
    included; other sets as their loader reads them.

    Raises:
        ConfigurationError: The set is unknown or damaged, or nothing is left to score.
    """
    # What a stricter manifest drops is no new picture: it resembles one that trains, or
    # has chosen an earlier model.
    familiar = read_manifest(FIRST_MANIFEST).split_of
    if set_name == ferplus.NAME:
        parts = ferplus_parts(path)
        records = ferplus.load_ferplus(path, parts=parts)
        name = f"FER+ ({', '.join(parts)}), {'held out' if side == 'test' else side}"
    else:
        records, name = load_set(set_name, path), f"{set_name}, unseen pictures"
    return held_out_rows(records, manifest, name, set_aside=familiar, side=side)


def ferplus_parts(path: Path) -> tuple[str, ...]:
    """Return the parts of FER+ that lie at `path` (a folder or zip), in their usual order.

    Raises:
        ConfigurationError: None of them is there.
    """
    with open_source(ferplus.NAME, path) as source:
        present = tuple(part for part in FERPLUS_PARTS if source.has(f"{part}/label.csv"))
        if not present:
            raise source.error(
                "label.csv",
                f"is in none of {', '.join(FERPLUS_PARTS)}",
                "give a FER+ folder or zip",
            )
    return present
