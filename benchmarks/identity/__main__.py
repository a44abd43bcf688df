"""`python -m benchmarks.identity`: make the recordings, have them analysed, print the tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.identity.cpu import compare, cost_table
from benchmarks.identity.making import make_half
from benchmarks.identity.people import AUDIT_ZIP, HALVES
from benchmarks.identity.plan import CATEGORIES
from benchmarks.identity.real import make_real
from benchmarks.identity.running import analyse
from benchmarks.identity.scoring import Score, score
from benchmarks.identity.table import document_of, table_of
from benchmarks.identity.truth import read_truth
from include.contracts.errors import PlatformError
from ml.data.location import VARIABLE, shared_data_dir

ROOT = Path(__file__).parents[2]
REAL = "real"
PARTS = (*HALVES, REAL)
EACH = {"dev": 10, "test": 16}
"""Recordings of every kind: eleven kinds make 286."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="benchmarks.identity", description=__doc__)
    parser.add_argument(
        "--half",
        choices=PARTS,
        action="append",
        help="which people: those to tune on, those to test with, real clips; default: all",
    )
    parser.add_argument("--each", type=int, help="recordings of every kind; default: 10 and 16")
    parser.add_argument("--only", choices=CATEGORIES, action="append", help="kind of case")
    parser.add_argument("--build", type=Path, default=ROOT, help="checkout to measure")
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "identity", help="recordings")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--against", type=Path, help="another checkout: compare CPU times, only")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison of CPU times")
    parser.add_argument("--faults", action="store_true", help="name the recordings that are wrong")
    options = parser.parse_args(arguments)
    progress = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    zip_path = shared_data_dir() / AUDIT_ZIP
    if not zip_path.is_file():
        progress.print(f"skipped: {zip_path} is not here; set {VARIABLE} to its folder")
        return 0
    try:
        if options.against:
            compare_cpu(options, progress)
            return 0
        document = {}
        for half in options.half or PARTS:
            paths = recordings(half, options, progress)
            scores = measure(options.build, paths, progress)
            tell(half, scores, faults=options.faults)
            document[half] = document_of(scores)
    except PlatformError as error:
        progress.print(f"benchmarks.identity: {error}", style="red")
        return 1
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def recordings(half: str, options: argparse.Namespace, progress: Console) -> list[Path]:
    """Make the recordings of a half that are asked for, unless they are there."""
    if half == REAL:
        return make_real(shared_data_dir() / "videos", options.work, progress.print)
    each = range(options.each or EACH[half])
    jobs = [(kind, number) for kind in options.only or CATEGORIES for number in each]
    return make_half(shared_data_dir() / AUDIT_ZIP, half, jobs, options.work, progress.print)


def compare_cpu(options: argparse.Namespace, progress: Console) -> None:
    """Compare the CPU time of two builds on some recordings of each sort, and print it."""
    jobs = [(kind, 0) for kind in CATEGORIES]
    made = make_half(shared_data_dir() / AUDIT_ZIP, "dev", jobs, options.work, progress.print)
    clips = sorted((shared_data_dir() / "videos").iterdir())
    costs = compare(
        options.build,
        options.against,
        [*made, *clips],
        rounds=options.rounds,
        tell=progress.print,
    )
    Console(width=120).print(cost_table(costs, options.rounds))


def measure(build: Path, paths: Sequence[Path], progress: Console) -> list[Score]:
    """Have recordings analysed and judge what was published."""
    published = analyse(build, paths, progress.print)
    scores = []
    for path in paths:
        found = published[path.stem]
        if isinstance(found, str):
            progress.print(f"{path.name} was not published: {found[-500:]}")
            continue
        truth = read_truth(path.with_suffix(".json"))
        scores.append(score(truth, found.rows, found.respondents, found.verdict))
    return scores


def tell(half: str, scores: Sequence[Score], *, faults: bool) -> None:
    """Print the table of a half, and what is wrong in it."""
    console = Console(width=180)
    console.print(table_of(f"Identity, {half}: {len(scores)} recordings", scores))
    if not faults:
        return
    for name, wrong in (
        ("merged", [item.name for item in scores if item.merged]),
        ("split", [item.name for item in scores if item.split]),
        ("another respondent", [item.name for item in scores if item.respondent is False]),
    ):
        console.print(f"{name}: {', '.join(wrong) or 'none'}")


if __name__ == "__main__":
    sys.exit(main())
