"""`python -m benchmarks.fuzz`, `make fuzz`: damaged recordings through the confined decoder.

Makes files from sound recordings of eight containers by kept seeds, puts each through probe and
extraction as the stages do, and prints what came of them: by container, by kind of damage, by
reason. Fails when one crashed, hung, left something behind or was read into an unsound result.
A decoder that died by a signal inside its confinement is counted apart: the recording was refused
and nothing else was touched.

    make fuzz
    make fuzz ARGS="--files 200 --seed 7"
    make fuzz ARGS="--case MOV/17 --keep var/fuzz"      one file again, kept for a look
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.fuzz.cases import Case, cases
from benchmarks.fuzz.recordings import CONTAINERS
from benchmarks.fuzz.run import Tally, run_cases
from benchmarks.fuzz.tables import print_tally

FILES = 2048
SEED = 20261129


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    options = _options(arguments)
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 120)
    chosen = cases(options.files, options.seed)
    if options.case:
        container, _, number = options.case.rpartition("/")
        chosen = [Case(container, int(number), options.seed)]
    tally: Tally = run_cases(
        chosen,
        workers=options.workers,
        hang_s=options.hang_s,
        keep=options.keep,
        say=console.print,
    )
    print_tally(tally, console)
    return 0 if tally.sound else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=FILES, help=f"default {FILES}")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default {SEED}")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--hang-s", type=float, default=180.0, help="wall seconds a file may take")
    parser.add_argument(
        "--case", help="one file only: CONTAINER/NUMBER, of " + ", ".join(CONTAINERS)
    )
    parser.add_argument(
        "--keep", type=Path, help="folder for files that did not end well, and --case's"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
