"""The pictures of one training as two files: what a training job reads, here and on AWS.

```
faces.safetensors   train.images, validation.images   uint8 (N, side, side)
                    train.votes, validation.votes     int64 (N, 10), order of `VOTE_NAMES`
rows.json           keys and sources of both, facts
```

No pickle, and the same rows give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from include.contracts.documents import Form
from include.contracts.errors import ConfigurationError
from ml.data.records import FaceTable

FACES = "faces.safetensors"
ROWS = "rows.json"
_SIDES = ("train", "validation")


@dataclass(frozen=True, slots=True)
class Bundle:
    """What trains, what selects, and where it came from (plain values)."""

    train: FaceTable
    validation: FaceTable
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """Where the pictures of one side come from: content keys and names of sources, n each."""

    keys: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BundleRows:
    """`rows.json`."""

    train: Side
    validation: Side
    facts: Mapping[str, Any]


BUNDLE_ROWS = Form(BundleRows)


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write both files into a folder that is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = dict(zip(_SIDES, (bundle.train, bundle.validation), strict=True))
    tensors = {
        f"{side}.{name}": np.ascontiguousarray(getattr(table, name))
        for side, table in tables.items()
        for name in ("images", "votes")
    }
    save_file(tensors, str(folder / FACES))
    train, validation = (Side(table.keys, table.sources) for table in tables.values())
    (folder / ROWS).write_bytes(BUNDLE_ROWS.write(BundleRows(train, validation, bundle.facts)))


def read_bundle(folder: Path) -> Bundle:
    """Read what `write_bundle` wrote.

    Raises:
        ConfigurationError: A file is missing or damaged; the message names it.
    """
    try:
        tensors = load_file(str(folder / FACES))
        rows = BUNDLE_ROWS.read((folder / ROWS).read_bytes(), ROWS)
        train, validation = (
            FaceTable(
                keys=side.keys,
                images=tensors[f"{name}.images"],
                votes=tensors[f"{name}.votes"],
                sources=side.sources,
            )
            for name, side in zip(_SIDES, (rows.train, rows.validation), strict=True)
        )
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ConfigurationError("--data", f"{folder} holds no training data: {error}") from error
    return Bundle(train, validation, rows.facts)
