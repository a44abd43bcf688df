"""Where the public data sets lie on this machine: asked for on the command line only."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ml.data.datasets import LOADERS, NamedSet, parse_set

VARIABLE = "FEX_SHARED_DATA"
FERPLUS_ZIP = "ferplus-train-valid.zip"


def shared_data_dir() -> Path:
    """Return the folder of public data sets: `FEX_SHARED_DATA` or `../shared/data`."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    return Path(os.environ.get(VARIABLE, beside))


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Give a command `--data`: a FER+ folder or zip, by default that of `shared_data_dir`."""
    parser.add_argument(
        "--data",
        type=Path,
        default=shared_data_dir() / FERPLUS_ZIP,
        help=f"FER+ folder or zip (default: {FERPLUS_ZIP} in {VARIABLE} or ../shared/data)",
    )


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """Give a command `--set name=path`, repeatable: data sets beside `--data`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help=f"a further data set, repeatable; names: {', '.join(LOADERS)}",
    )


def named_sets(arguments: argparse.Namespace) -> list[NamedSet]:
    """Return the sets of a command with `--data` and `--set`, FER+ first.

    Raises:
        ConfigurationError: A `--set` is malformed.
    """
    return [("ferplus", arguments.data), *(parse_set(text) for text in arguments.set)]
