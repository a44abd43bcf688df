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
from ml.data.datasets import load_sets
from ml.data.location import add_data_argument, add_set_argument, named_sets, shared_data_dir
from ml.data.splits import DEFAULT_MANIFEST, read_manifest
from ml.training.loop import BEST_WEIGHTS, HISTORY, RECIPE_COPY, Trainer
from ml.training.recipe import Recipe, read_recipe
from ml.training.self_training import taught_examples
from ml.training.tracking import RunTracking

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "mobilenet_v2_ferplus.yaml"
UNLABELLED_ZIP = "fairface-train-96.zip"


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=DEFAULT_RECIPE)
    add_data_argument(parser)
    add_set_argument(parser)
    parser.add_argument("--split", type=Path, default=DEFAULT_MANIFEST)
    parser.add_argument(
        "--unlabelled",
        type=Path,
        default=shared_data_dir() / UNLABELLED_ZIP,
        help=f"faces for self-training (default: {UNLABELLED_ZIP} beside the data)",
    )
    parser.add_argument("--out", type=Path, default=Path("var/training"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
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
    device = choose_device(arguments.device)
    tracking = RunTracking(
        recipe, arguments.out, arguments.tracking_dir or arguments.out / "mlflow"
    )
    table = load_sets(named_sets(arguments))
    manifest = read_manifest(arguments.split)
    taught = None
    if recipe.self_training is not None:
        taught = taught_examples(
            recipe.self_training, recipe.data.names, arguments.unlabelled, arguments.out, _say
        )
    trainer = Trainer(
        recipe,
        manifest.rows(table, "train"),
        manifest.rows(table, "validation"),
        arguments.out,
        taught=taught,
        device=device,
        report=_say,
        on_epoch=tracking.log_epoch,
    )
    progress = trainer.run()
    tracking.finish((kept_recipe, arguments.out / HISTORY, arguments.out / BEST_WEIGHTS))
    _say(
        f"kept epoch {progress.best_epoch}: validation log-loss {progress.best_log_loss:.4f}, "
        f"validation accuracy {progress.best_accuracy:.4f}"
    )


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
