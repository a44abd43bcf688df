"""`python -m benchmarks.parsers`, `make parsers`: readers of outside text and bytes, tried.

Each reader gets examples: valid input, the same damaged, and nonsense, the same ones each time.
It may read one or refuse it by an error that it documents, within seconds, and leaves nothing
behind. Prints what came of them; fails at the first that does anything else, with the example.

    make parsers
    make parsers ARGS="--examples 5000 --only study.yaml"
"""

from __future__ import annotations

import argparse
import sys
import traceback

from rich.console import Console
from rich.table import Table

from benchmarks.parsers.readers import READERS
from benchmarks.parsers.run import run

EXAMPLES = 600


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    options = _options(arguments)
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 110)
    table = Table("reader", "examples", "read", "refused", "worst CPU ms", "left behind", box=None)
    failed = False
    for name, reader in READERS.items():
        if options.only and options.only not in name:
            continue
        try:
            count = run(reader, options.examples)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            failed = True
            console.print(f"{name}:")
            traceback.print_exception(error, limit=-3, chain=False)
            continue
        failed = failed or bool(count.left)
        table.add_row(
            name,
            str(count.examples),
            str(count.read),
            str(count.refused),
            f"{1000 * count.worst_s:.0f}",
            ", ".join(count.left) or "nothing",
        )
    console.print(table)
    return 1 if failed else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="parsers", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=EXAMPLES, help=f"default {EXAMPLES}")
    parser.add_argument("--only", help="readers whose name holds this")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
