"""Average the weights of runs that started from the same ones, or from one of them:
`python -m ml.training.average var/student var/best --out var/average`.

A "model soup" (Wortsman et al. 2022, arXiv:2203.05482): runs that went on from one network
in different ways mostly lie in one valley of the loss, and the middle of it answers better
than its sides, at the cost of one network. Between a run and the one it went on from, the
middle keeps most of what the first knew and of what the second learnt (Wortsman et al. 2022,
arXiv:2109.01903). Whether it does is for validation to say.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from include.contracts.errors import ConfigurationError
from ml.command import run_command
from ml.models.weights_file import load_weights
from ml.training.checkpoint import save_weights
from ml.training.loop import BEST_WEIGHTS, RECIPE_COPY
from ml.training.recipe import Recipe, read_recipe
from ml.training.teacher import run_sha256

AVERAGED = "averaged.json"
"""In the folder of an average: the recipe and sha256 of each run, in order."""


def main() -> None:
    """Parse the command line and average."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished runs")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, as a run's")
    arguments = parser.parse_args()
    average_runs(arguments.runs, arguments.out)
    print(f"{arguments.out}: the average of {len(arguments.runs)} runs")  # noqa: T201


def average_runs(runs: list[Path], out: Path) -> None:
    """Write a folder that can be packaged like a run's, with the recipe of the last run.

    Integer buffers (the counters of batch norms) are the last run's.

    Raises:
        ConfigurationError: There are fewer than two runs, one is not finished, or their
            networks or starting weights differ.
    """
    if len(runs) < 2:
        raise ConfigurationError("runs", "an average needs two runs or more")
    recipes = [read_recipe(run / RECIPE_COPY) for run in runs]
    starts = [_start(recipe, runs) for recipe in recipes]
    for run, start in zip(runs, starts, strict=True):
        if start != starts[-1]:
            raise ConfigurationError(
                "runs", f"{run} has another network or start than {runs[-1]}: see model in both"
            )
    weights = [load_weights(run / BEST_WEIGHTS, "runs") for run in runs]
    out.mkdir(parents=True, exist_ok=True)
    save_weights(out / BEST_WEIGHTS, _mean(weights))
    shutil.copyfile(runs[-1] / RECIPE_COPY, out / RECIPE_COPY)
    record = [
        {"recipe": recipe.name, "sha256": run_sha256(run), "averaged": averaged_from(run)}
        for run, recipe in zip(runs, recipes, strict=True)
    ]
    (out / AVERAGED).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def averaged_from(run: Path) -> list[dict[str, Any]]:
    """Return what an average was made of, in turn where that is one; empty for a single run."""
    path = run / AVERAGED
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def _start(recipe: Recipe, runs: list[Path]) -> tuple[str, float, str | None]:
    """Return the network, and the weights from which the line of `runs` that leads here began."""
    model, file = recipe.model, recipe.model.weights_file
    for run in runs:
        if file is not None and file.resolve() == (run / BEST_WEIGHTS).resolve():
            earlier = [other for other in runs if other != run]
            return _start(read_recipe(run / RECIPE_COPY), earlier)
    return model.architecture, model.width, model.weights


def _mean(weights: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {
        name: torch.stack([one[name] for one in weights]).mean(dim=0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in weights[-1].items()
    }


if __name__ == "__main__":
    run_command(main)
