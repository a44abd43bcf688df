"""Train from a bundle of data: the one script of embedded and SageMaker training jobs.

    python -m ml.training.job --data DIR --out DIR [--model-dir DIR]

`DIR` of `--data` holds what `ml.data.bundle` writes, `recipe.yaml`, and
`start.safetensors` where training starts from another model's weights. `--out` is the
run's folder with its checkpoint: run again with the same one, it goes on where it
stopped. The defaults are the paths of a SageMaker training container ("Amazon SageMaker
AI training storage paths", developer guide): the channel `data`, the folder that the
service copies to S3 while the job runs, and the folder that becomes `model.tar.gz`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from include.contracts.errors import ConfigurationError
from ml.data.bundle import read_bundle
from ml.training.checkpoint import Progress
from ml.training.command import choose_device, only_one, say
from ml.training.loop import BEST_WEIGHTS, HISTORY, RECIPE_COPY, VALIDATION, Trainer
from ml.training.recipe import Recipe, read_recipe

START_WEIGHTS = "start.safetensors"
RESULT_FILES = (RECIPE_COPY, HISTORY, BEST_WEIGHTS, VALIDATION)
"""What a training leaves for packaging."""

_CHANNEL, _CHECKPOINTS, _MODEL = "/opt/ml/input/data/data", "/opt/ml/checkpoints", "/opt/ml/model"
_FAILURE = Path("/opt/ml/output/failure")


def train_bundle(
    data: Path,
    out: Path,
    *,
    threads: int,
    device: str = "auto",
    report: Callable[[str], None] = say,
) -> Progress:
    """Train what a bundle asks for, from the last checkpoint in `out` if there is one.

    Raises:
        ConfigurationError: The bundle or its recipe cannot be used; the message says why.
    """
    torch.set_num_threads(threads)
    recipe = _read_recipe(data)
    bundle = read_bundle(data)
    report(f"{recipe.name}: {len(bundle.train)} faces train, {len(bundle.validation)} select")
    with only_one(out):
        shutil.copyfile(data / RECIPE_COPY, out / RECIPE_COPY)
        trainer = Trainer(
            recipe,
            bundle.train,
            bundle.validation,
            out,
            device=choose_device(device),
            report=report,
        )
        progress = trainer.run()
    report(
        f"kept epoch {progress.best_epoch}: validation log-loss {progress.best_log_loss:.4f}, "
        f"validation accuracy {progress.best_accuracy:.4f}"
    )
    return progress


def _read_recipe(data: Path) -> Recipe:
    recipe = read_recipe(data / RECIPE_COPY)
    if recipe.distillation is not None:
        raise ConfigurationError(
            "recipe", f"{recipe.name!r} learns from a teacher: a training job has none"
        )
    start = data / START_WEIGHTS
    if not start.is_file():
        return recipe
    return recipe.model_copy(
        update={"model": recipe.model.model_copy(update={"weights": str(start)})}
    )


def main() -> int:
    """Train and leave the results where the service collects them."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get
    parser.add_argument("--data", type=Path, default=folder("SM_CHANNEL_DATA", _CHANNEL))
    parser.add_argument("--out", type=Path, default=folder("FEX_CHECKPOINT_DIR", _CHECKPOINTS))
    parser.add_argument("--model-dir", type=Path, default=folder("SM_MODEL_DIR", _MODEL))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    arguments = parser.parse_args()
    try:
        train_bundle(
            arguments.data, arguments.out, threads=arguments.threads, device=arguments.device
        )
    except ConfigurationError as error:
        say(str(error))
        _explain(f"ConfigurationError: {error}")
        return 2
    arguments.model_dir.mkdir(parents=True, exist_ok=True)
    for name in RESULT_FILES:
        shutil.copyfile(arguments.out / name, arguments.model_dir / name)
    return 0


def _explain(problem: str) -> None:
    """Say why, where the service looks for the reason of a failure."""
    path = Path(os.environ.get("FEX_FAILURE_FILE", str(_FAILURE)))
    if path.parent.is_dir():
        path.write_text(problem, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
