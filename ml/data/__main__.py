"""Write a split manifest: `python -m ml.data [--data ferplus.zip] [--set rafdb=path ...]`.

FER+ alone makes the first committed manifest again, byte for byte, and with `--strict` the
default one: it leaves out held-out pictures that show a photograph of another side cut a
few pixels apart (`ml.data.shifted`). With further sets, `--extend` keeps every picture of
that manifest on its side.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.command import run_command
from ml.data.datasets import load_sets
from ml.data.location import add_data_argument, add_set_argument, named_sets
from ml.data.records import FaceTable
from ml.data.shifted import drop_copies_across
from ml.data.splits import DEFAULT_MANIFEST, FIRST_MANIFEST, SPLITS, make_split, read_manifest
from ml.data.votes import majority


def main() -> None:
    """Split the data sets and print how many pictures of each class are on each side."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_argument(parser)
    add_set_argument(parser)
    parser.add_argument("--side", type=int, help="side in pixels at which sets are compared")
    parser.add_argument("--out", type=Path, help="default with FER+ alone: the committed manifest")
    parser.add_argument("--extend", type=Path, metavar="MANIFEST", help="keep what this one lists")
    parser.add_argument("--strict", action="store_true", help="leave out shifted copies")
    parser.add_argument("--seed", type=int, default=20261121)
    arguments = parser.parse_args()
    if arguments.set and arguments.out is None:
        raise ConfigurationError("--out", "name the new manifest; the committed are FER+ alone")
    table = load_sets(named_sets(arguments), arguments.side)
    base = read_manifest(arguments.extend) if arguments.extend else None
    manifest = make_split(table, seed=arguments.seed, base=base)
    if arguments.strict:
        manifest = drop_copies_across(manifest, table)
    committed = DEFAULT_MANIFEST if arguments.strict else FIRST_MANIFEST
    (arguments.out or committed).write_bytes(manifest.to_bytes())
    print(f"{len(table)} distinct pictures, {len(set(manifest.group_of.values()))} groups")
    for split in SPLITS:
        rows = manifest.rows(table, split)
        print(f"{split}: {_described(rows)}")
        if arguments.set:
            for name in dict.fromkeys(table.sources):
                print(f"  {name}: {_described(rows.select(np.array(rows.sources) == name))}")
    listed = sum(len(manifest.rows(table, split)) for split in SPLITS)
    if listed < len(table):
        print(f"left out, because they resemble faces on another side: {len(table) - listed}")
    print(f"split sha256 {manifest.sha256}")


def _described(rows: FaceTable) -> str:
    counts = Counter(majority(rows.votes).tolist())
    listed = ", ".join(f"{name} {counts[code]}" for code, name in enumerate(EXPRESSIONS))
    return f"{len(rows)} ({listed}, not scored {counts[-1]})"


if __name__ == "__main__":
    run_command(main)
