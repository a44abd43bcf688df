"""Average the weights of runs that started from the same ones:
`python -m ml.training.average var/student var/best --out var/average`.

A "model soup" (Wortsman et al. 2022, arXiv:2203.05482): runs that went on from one network
in different ways mostly lie in one valley of the loss, and the middle of it answers better
than its sides, at the cost of one network. Whether it does is for validation to say.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from include.contracts.errors import ConfigurationError
from ml.command import run_command
from ml.models.weights_file import load_weights
from ml.training.checkpoint import save_weights
from ml.training.loop import BEST_WEIGHTS, RECIPE_COPY
from ml.training.recipe import read_recipe
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
    for run, recipe in zip(runs, recipes, strict=True):
        same = (recipe.model.architecture, recipe.model.width, recipe.model.weights)
        last = recipes[-1].model
        if same != (last.architecture, last.width, last.weights):
            raise ConfigurationError(
                "runs", f"{run} has another network or start than {runs[-1]}: see model in both"
            )
    weights = [load_weights(run / BEST_WEIGHTS, "runs") for run in runs]
    out.mkdir(parents=True, exist_ok=True)
    save_weights(out / BEST_WEIGHTS, _mean(weights))
    shutil.copyfile(runs[-1] / RECIPE_COPY, out / RECIPE_COPY)
    record = [
        {"recipe": recipe.name, "sha256": run_sha256(run)}
        for run, recipe in zip(runs, recipes, strict=True)
    ]
    (out / AVERAGED).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def averaged_from(run: Path) -> list[dict[str, str]]:
    """Return what an average was made of, empty for the folder of a single run."""
    path = run / AVERAGED
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def _mean(weights: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {
        name: torch.stack([one[name] for one in weights]).mean(dim=0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in weights[-1].items()
    }


if __name__ == "__main__":
    run_command(main)
