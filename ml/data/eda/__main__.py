"""Write the exploratory report: `python -m ml.data.eda [--data ferplus.zip] [--out eda.html]`.

With further sets (`--set name=path`), `--split` names their manifest; without it the
committed split of FER+ is extended over them in memory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.command import run_command
from ml.data.eda.findings import findings
from ml.data.eda.page import render
from ml.data.eda.report import measure
from ml.data.eda.samples import draw_samples
from ml.data.eda.survey import survey
from ml.data.location import add_data_argument, add_set_argument, named_sets
from ml.data.splits import DEFAULT_MANIFEST, make_split, read_manifest


def main() -> None:
    """Read the data sets, measure them, write the page and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_argument(parser)
    add_set_argument(parser)
    parser.add_argument("--side", type=int, help="side in pixels at which sets are combined")
    parser.add_argument("--split", type=Path, help="split manifest of these data sets")
    parser.add_argument("--out", type=Path, default=Path("var/eda.html"))
    parser.add_argument("--seed", type=int, default=0, help="draws the sample faces")
    arguments = parser.parse_args()
    found = survey(named_sets(arguments), arguments.side)
    manifest = read_manifest(arguments.split or DEFAULT_MANIFEST)
    if arguments.set and arguments.split is None:
        manifest = make_split(found.table, seed=arguments.seed, base=manifest)
    report = measure(found, manifest)
    page = render(report, draw_samples(report, seed=arguments.seed))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page, encoding="utf-8")
    for one in findings(report):
        print(f"{one.headline}: {one.text}")
    print(f"wrote {arguments.out} ({arguments.out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    run_command(main)
