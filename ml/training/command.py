"""What the commands of training have in common."""

from __future__ import annotations

import argparse
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from include.contracts.errors import ConfigurationError
from ml.data.location import add_data_argument, add_set_argument, shared_data_dir
from ml.data.splits import DEFAULT_MANIFEST

UNLABELLED_ZIP = "fairface-train-96.zip"


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a command the data, the split, threads and device."""
    add_data_argument(parser)
    add_set_argument(parser)
    parser.add_argument("--split", type=Path, default=DEFAULT_MANIFEST)
    parser.add_argument(
        "--unlabelled",
        type=Path,
        default=shared_data_dir() / UNLABELLED_ZIP,
        help=f"FairFace, for distillation and the age task (default: {UNLABELLED_ZIP})",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def choose_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`.

    Raises:
        ConfigurationError: `cuda` where torch finds no GPU.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise ConfigurationError("--device", "torch finds no GPU here: use auto or cpu")
    return torch.device("cuda" if found and name != "cpu" else "cpu")


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Keep a second training out of the same folder, which is made where it is missing.

    Raises:
        ConfigurationError: One is running there.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError("--out", f"a training is running in {out}") from error
        yield


def say(line: str) -> None:
    """Print a line of progress with the time of day in UTC."""
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", flush=True)  # noqa: T201
