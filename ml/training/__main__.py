"""Train a recipe: `python -m ml.training [--recipe R] [--data ferplus.zip] [--out runs/first]`.

Run again with the same `--out`, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ml.command import run_command
from ml.data.location import named_sets
from ml.files import written_whole
from ml.training.command import add_run_arguments, choose_device, only_one, say
from ml.training.confusion import write_confusion
from ml.training.data import load_run_data
from ml.training.distillation import prepare_lesson
from ml.training.loop import BEST_WEIGHTS, HISTORY, RECIPE_COPY, VALIDATION, Trainer
from ml.training.provenance import code_version
from ml.training.recipe import Recipe, read_recipe
from ml.training.tracking import RunTracking

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "best.yaml"


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=DEFAULT_RECIPE)
    parser.add_argument("--out", type=Path, default=Path("var/training"))
    add_run_arguments(parser)
    parser.add_argument(
        "--tracking-dir", type=Path, help="MLflow's SQLite file and artefacts; default: OUT/mlflow"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = read_recipe(arguments.recipe)
    with only_one(arguments.out):
        _train(arguments, recipe)


def _train(arguments: argparse.Namespace, recipe: Recipe) -> None:
    _keep_recipe(arguments.recipe, recipe, arguments.out / RECIPE_COPY)
    out, device = arguments.out, choose_device(arguments.device)
    data = load_run_data(recipe, named_sets(arguments), arguments.split, arguments.unlabelled)
    lesson = prepare_lesson(recipe.distillation, data, arguments.unlabelled, out, say, device)
    facts = data.hashes | code_version() | {"device": device.type}
    with RunTracking(recipe, out, arguments.tracking_dir or out / "mlflow", facts=facts) as tracked:
        trainer = Trainer(
            recipe,
            lesson.labelled,
            data.validation,
            out,
            taught=lesson.unlabelled,
            device=device,
            report=say,
            on_epoch=tracked.log_epoch,
            on_step=tracked.log_step,
        )
        progress = trainer.run()
        files = [out / name for name in (RECIPE_COPY, HISTORY, BEST_WEIGHTS)]
        if (out / VALIDATION).is_file():
            files += [out / VALIDATION, *write_confusion(out / VALIDATION, out)]
        tracked.keep(*files)
    if progress.epoch < recipe.epochs:
        say(f"stopped after epoch {progress.epoch}: no better one since {progress.best_epoch}")
    say(
        f"kept epoch {progress.best_epoch}: validation log-loss {progress.best_log_loss:.4f}, "
        f"validation accuracy {progress.best_accuracy:.4f}"
    )


def _keep_recipe(given: Path, recipe: Recipe, kept: Path) -> None:
    """Copy the recipe beside the run, and say what changed since the run began."""
    if kept.is_file():
        before, now = read_recipe(kept).flat(), recipe.flat()
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                say(f"recipe changed: {key} was {before.get(key)}, is {now.get(key)}")
    if kept.resolve() != given.resolve():
        with written_whole(kept) as partial:
            partial.write_bytes(given.read_bytes())


if __name__ == "__main__":
    run_command(main)
