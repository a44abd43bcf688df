"""The pictures of one training as two files: what a training job reads, here and on AWS.

```
faces.safetensors   train.images, validation.images   uint8 (N, side, side)
                    train.votes, validation.votes     int64 (N, 10), order of `VOTE_NAMES`
rows.json           keys and sources of both, facts
```

No pickle, and the same rows give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

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
    rows = {
        side: {"keys": list(table.keys), "sources": list(table.sources)}
        for side, table in tables.items()
    }
    text = json.dumps({**rows, "facts": dict(bundle.facts)}, indent=1, sort_keys=True)
    (folder / ROWS).write_text(text + "\n", encoding="utf-8")


def read_bundle(folder: Path) -> Bundle:
    """Read what `write_bundle` wrote.

    Raises:
        ConfigurationError: A file is missing or damaged; the message names it.
    """
    try:
        tensors = load_file(str(folder / FACES))
        rows = json.loads((folder / ROWS).read_text(encoding="utf-8"))
        train, validation = (
            FaceTable(
                keys=tuple(rows[side]["keys"]),
                images=tensors[f"{side}.images"],
                votes=tensors[f"{side}.votes"],
                sources=tuple(rows[side]["sources"]),
            )
            for side in _SIDES
        )
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ConfigurationError("--data", f"{folder} holds no training data: {error}") from error
    return Bundle(train, validation, rows["facts"])
