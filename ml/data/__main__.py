"""Write the committed split manifest: `python -m ml.data --data ferplus.zip`."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from include.contracts.labels import EXPRESSIONS
from ml.data.ferplus import load_ferplus
from ml.data.location import add_data_argument
from ml.data.records import tabulate
from ml.data.splits import DEFAULT_MANIFEST, SPLITS, make_split
from ml.data.votes import majority


def main() -> None:
    """Split FER+ and print how many pictures of each class are on each side."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--out", type=Path, default=DEFAULT_MANIFEST)
    parser.add_argument("--seed", type=int, default=20261121)
    arguments = parser.parse_args()
    table = tabulate(load_ferplus(arguments.data))
    manifest = make_split(table, seed=arguments.seed)
    arguments.out.write_bytes(manifest.to_bytes())
    print(f"{len(table)} distinct pictures, {len(set(manifest.group_of.values()))} groups")
    for split in SPLITS:
        rows = manifest.rows(table, split)
        counts = Counter(majority(rows.votes).tolist())
        listed = ", ".join(f"{name} {counts[i]}" for i, name in enumerate(EXPRESSIONS))
        print(f"{split}: {len(rows)} ({listed}, not scored {counts[-1]})")
    print(f"split sha256 {manifest.sha256}")


if __name__ == "__main__":
    main()
