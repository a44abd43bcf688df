"""Train a recipe: `python -m ml.training [--recipe R] [--data ferplus.zip] [--out runs/first]`.

Run again with the same `--out`, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from include.contracts.errors import ConfigurationError
from ml.data.ferplus import load_ferplus
from ml.data.location import add_data_argument
from ml.data.records import tabulate
from ml.data.splits import DEFAULT_MANIFEST, read_manifest
from ml.training.loop import BEST_WEIGHTS, HISTORY, RECIPE_COPY, Trainer
from ml.training.recipe import Recipe, read_recipe
from ml.training.tracking import RunTracking

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "mobilenet_v2_ferplus.yaml"


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=DEFAULT_RECIPE)
    add_data_argument(parser)
    parser.add_argument("--split", type=Path, default=DEFAULT_MANIFEST)
    parser.add_argument("--out", type=Path, default=Path("var/training"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--tracking-dir", type=Path, help="MLflow's SQLite file and artefacts; default: OUT/mlflow"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = read_recipe(arguments.recipe)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with _only_one(arguments.out):
        _train(arguments, recipe)


def _train(arguments: argparse.Namespace, recipe: Recipe) -> None:
    kept_recipe = arguments.out / RECIPE_COPY
    if kept_recipe.resolve() != arguments.recipe.resolve():
        kept_recipe.write_bytes(arguments.recipe.read_bytes())
    tracking = RunTracking(
        recipe, arguments.out, arguments.tracking_dir or arguments.out / "mlflow"
    )
    table = tabulate(load_ferplus(arguments.data))
    manifest = read_manifest(arguments.split)
    trainer = Trainer(
        recipe,
        manifest.rows(table, "train"),
        manifest.rows(table, "validation"),
        arguments.out,
        report=_say,
        on_epoch=tracking.log_epoch,
    )
    progress = trainer.run()
    tracking.finish((kept_recipe, arguments.out / HISTORY, arguments.out / BEST_WEIGHTS))
    _say(
        f"kept epoch {progress.best_epoch}: validation log-loss {progress.best_log_loss:.4f}, "
        f"validation accuracy {progress.best_accuracy:.4f}"
    )


@contextmanager
def _only_one(out: Path) -> Iterator[None]:
    """Keep a second training out of the same folder."""
    with (out / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError("--out", f"a training is running in {out}") from error
        yield


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", flush=True)


if __name__ == "__main__":
    main()
