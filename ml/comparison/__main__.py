"""Train and measure every architecture alike: `python -m ml.comparison --task four --epochs 2`.

Run again with the same arguments, it goes on where it stopped. `--plan` times a few steps
of each network, says what the whole comparison would cost here, and trains nothing.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import torch

from include.contracts.errors import ConfigurationError
from ml.command import run_command
from ml.comparison.plan import TASKS, Budget
from ml.comparison.rows import load_rows
from ml.comparison.run import PAGE, Compared
from ml.data.location import add_data_argument
from ml.data.splits import DEFAULT_MANIFEST
from ml.models.zoo import ARCHITECTURES
from ml.training.command import choose_device, only_one, say


def main() -> None:
    """Parse the command line and compare."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    task = TASKS[arguments.task]
    budget = Budget(arguments.epochs, arguments.side, arguments.subset)
    compared = Compared(
        task=task,
        budget=budget,
        architectures=arguments.models,
        rows=load_rows(arguments.data, arguments.split, task, budget),
        out=arguments.out / f"{task.name}-{budget.slug}",
        device=choose_device(arguments.device),
        say=say,
        tracking_dir=None if arguments.no_tracking else arguments.out / "mlflow",
    )
    if arguments.plan:
        compared.forecast(compared.architectures)
        return
    with only_one(compared.out):
        compared.run()
    print((compared.out / "comparison.md").read_text(encoding="utf-8"))
    say(f"page: {compared.out / PAGE}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--split", type=Path, default=DEFAULT_MANIFEST)
    parser.add_argument("--out", type=Path, default=Path("var/comparison"))
    parser.add_argument("--task", choices=tuple(TASKS), default="seven")
    parser.add_argument(
        "--models",
        type=_names,
        default=tuple(ARCHITECTURES),
        help=f"comma-separated, of: {', '.join(ARCHITECTURES)} (default: all)",
    )
    parser.add_argument("--epochs", type=_at_least(1), default=20, help="the same for every one")
    parser.add_argument("--side", type=int, default=48, help="of the input, in pixels, 32 to 224")
    parser.add_argument(
        "--subset", type=_at_least(64), help="training pictures drawn at random (default: all)"
    )
    parser.add_argument("--threads", type=_at_least(1), default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--no-tracking", action="store_true", help="keep no runs in MLflow")
    parser.add_argument("--plan", action="store_true", help="say what it would cost, then stop")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    unknown = [name for name in names if name not in ARCHITECTURES]
    if unknown:
        raise ConfigurationError(
            "--models", f"{', '.join(map(repr, unknown))}: not in {', '.join(ARCHITECTURES)}"
        )
    return names


def _at_least(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return value

    return count


if __name__ == "__main__":
    run_command(main)
