"""One network: trained by the common code, then measured once on test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.comparison.complexity import count_flops, count_parameters
from ml.comparison.result import RESULT, Result, write_result, write_whole
from ml.comparison.rows import Rows
from ml.evaluation.metrics import evaluate
from ml.training.history import Epoch
from ml.training.loop import BEST_WEIGHTS, HISTORY, Trainer
from ml.training.network import make_network
from ml.training.recipe import Recipe
from ml.training.tracking import RunTracking
from ml.training.validation import predict

_FINGERPRINT = "fingerprint.txt"


def train_and_measure(
    recipe: Recipe,
    rows: Rows,
    folder: Path,
    fingerprint: str,
    *,
    device: torch.device,
    tracking: RunTracking | None,
    report: Callable[[str], None],
    on_epoch: Callable[[int, Epoch], None],
) -> Result:
    """Train a network in `folder`, or go on there, and measure it on test.

    Args:
        recipe: Of `ml.comparison.plan.recipe_for`.
        rows: The pictures.
        folder: The network's own.
        fingerprint: Of recipe and pictures; kept with what they made.
        device: Where it trains.
        tracking: The MLflow run of this training, None to track nothing.
        report: Called with one line of progress at a time.
        on_epoch: Called with the number (from 1) and figures of each finished epoch.

    Raises:
        ConfigurationError: The folder holds a training of another recipe or other pictures.
    """
    _claim(folder, fingerprint)

    def epoch_done(epoch: int, figures: Epoch) -> None:
        if tracking is not None:
            tracking.log_epoch(epoch, figures)
        on_epoch(epoch, figures)

    trainer = Trainer(
        recipe,
        rows.train,
        rows.validation,
        folder,
        device=device,
        report=report,
        on_epoch=epoch_done,
        on_step=tracking.log_step if tracking is not None else None,
    )
    progress = trainer.run()
    network = trained_network(recipe, folder)
    side = recipe.stages[-1].input_side_px
    answers = predict(network.to(device), rows.test.images, side).astype(np.float64)
    network = network.cpu()
    result = Result(
        architecture=recipe.model.architecture,
        fingerprint=fingerprint,
        parameters=count_parameters(network),
        flops=count_flops(network, side),
        training_s=round(progress.seconds, 1),
        epoch=progress.best_epoch,
        evaluation=evaluate(answers, rows.test.labels, names=rows.test.names).to_json(),
    )
    write_result(folder, result)
    if tracking is not None:
        tracking.keep(folder / HISTORY, folder / RESULT, folder / BEST_WEIGHTS)
    return result


def trained_network(recipe: Recipe, folder: Path) -> nn.Module:
    """Return the kept epoch's network, in evaluation mode, on the CPU.

    Raises:
        ConfigurationError: The weights are missing, damaged or of another network.
    """
    network, path = make_network(recipe), folder / BEST_WEIGHTS
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ConfigurationError(
            "--out", f"{path} cannot be used ({error}): delete {folder} to train it anew"
        ) from error
    return network.eval()


def _claim(folder: Path, fingerprint: str) -> None:
    """Note what a folder's training is of, or refuse one that is of something else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FINGERPRINT
    if not path.is_file():
        write_whole(path, fingerprint + "\n")
    elif path.read_text(encoding="utf-8").strip() != fingerprint:
        raise ConfigurationError(
            "--out",
            f"{folder} holds a training of another recipe or other pictures: delete it to train "
            "anew, or name another folder",
        )
