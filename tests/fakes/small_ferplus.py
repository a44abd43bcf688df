"""A few faces of FER+ for each expression and side of the committed split, in its layout."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from include.contracts.labels import EXPRESSIONS
from ml.data.ferplus import FILE_ORDER, load_ferplus
from ml.data.location import FERPLUS_ZIP, shared_data_dir
from ml.data.records import VOTE_NAMES
from ml.data.splits import DEFAULT_MANIFEST, read_manifest
from ml.data.votes import majority

FERPLUS = shared_data_dir() / FERPLUS_ZIP
PER_SIDE = {"train": 20, "validation": 6, "test": 8}


def make_small_ferplus(folder: Path) -> Path:
    """Write the set to a folder; return the folder."""
    split = read_manifest(DEFAULT_MANIFEST).split_of
    kept: dict[tuple[str, int], int] = {}
    for part in ("FER2013Train", "FER2013Valid"):
        (folder / part).mkdir(parents=True)
        (folder / part / "label.csv").touch()
    with (folder / "FER2013Train" / "label.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        for number, record in enumerate(load_ferplus(FERPLUS)):
            side = split.get(record.key[:16], "")
            label = int(majority(np.array([record.votes], np.int64))[0])
            if side not in PER_SIDE or label < 0 or kept.get((side, label), 0) >= PER_SIDE[side]:
                continue
            kept[side, label] = kept.get((side, label), 0) + 1
            name = f"{number:06d}.png"
            cv2.imwrite(str(folder / "FER2013Train" / name), record.pixels)
            votes = dict(zip(VOTE_NAMES, record.votes, strict=True))
            writer.writerow([name, "(0, 0, 48, 48)", *(votes[vote] for vote in FILE_ORDER)])
            if sum(kept.values()) == sum(PER_SIDE.values()) * len(EXPRESSIONS):
                break
    return folder
