"""The training loop: seeded, resumable at any step, stopped by validation."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch

from include.contracts.errors import ConfigurationError
from ml.data.records import FaceTable
from ml.training.balancing import EpochSampler, Rows
from ml.training.batches import Batches
from ml.training.checkpoint import Progress, load_checkpoint, save_checkpoint, save_weights
from ml.training.examples import Examples, scored_examples, training_examples
from ml.training.history import Epoch, Pace, append_epoch, duration, trim_history
from ml.training.network import answering_weights, make_network
from ml.training.optimisation import learning_rate, make_optimiser
from ml.training.recipe import Recipe
from ml.training.step import Objective, Step
from ml.training.validation import Validation, predict

CHECKPOINT = "checkpoint.safetensors"
BEST_WEIGHTS = "best.safetensors"
LAST_WEIGHTS = "last.safetensors"
HISTORY = "history.jsonl"
VALIDATION = "validation.json"
RECIPE_COPY = "recipe.yaml"
"""Files in a run's folder; the command line keeps the recipe there."""


class Trainer:
    """One run of a recipe on a training and a validation set.

    Args:
        recipe: What to do.
        train: Pictures that train: a table of faces, of which the recipe's `data` part
            takes what it needs, or examples.
        validation: Pictures that only select.
        out: Folder of checkpoints, weights and history; a run found there goes on.
        taught: Unlabelled pictures with a teacher's answers.
        device: Where the network trains.
        report: Called with one line of progress at a time.
        on_epoch: Called with the number (from 1) and figures of each finished epoch.
        on_step: Called with the number (from 1), loss and learning rate of each step.
        report_every_s: Seconds between progress lines.
        checkpoint_every_s: Seconds between checkpoints inside an epoch.

    Raises:
        ConfigurationError: A class has no training picture, nothing is scored, or the
            weights to start from cannot be had.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: FaceTable | Examples,
        validation: FaceTable | Examples,
        out: Path,
        *,
        taught: Examples | None = None,
        device: torch.device | None = None,
        report: Callable[[str], None] = print,
        on_epoch: Callable[[int, Epoch], None] | None = None,
        on_step: Callable[[int, float, float], None] | None = None,
        report_every_s: float = 30.0,
        checkpoint_every_s: float = 120.0,
    ) -> None:
        device = device or torch.device("cpu")
        if isinstance(train, FaceTable):
            train = training_examples(train, recipe.data)
        if isinstance(validation, FaceTable):
            validation = scored_examples(validation, recipe.data)
        self._recipe, self._out, self._report = recipe, out, report
        self._on_epoch, self._on_step = on_epoch, on_step
        self._report_every_s, self._checkpoint_every_s = report_every_s, checkpoint_every_s
        if not len(validation):
            raise ConfigurationError("--split", "no validation picture is scored: nothing selects")
        self._validation = validation
        self._sampler = EpochSampler(train, recipe.loss, recipe.seed)
        self._batches = Batches(recipe, self._sampler.examples, taught, device)
        self.network = make_network(recipe, hints=train.hints.shape[1]).to(device)
        self.averaged = copy.deepcopy(self.network).eval()
        self._optimiser = make_optimiser(self.network, recipe.optimiser)
        hint_weight = 0.0 if recipe.distillation is None else recipe.distillation.features
        objective = Objective(recipe.loss, train, device, hint_weight)
        self._step = Step(recipe, objective, self.network, self.averaged, self._optimiser, device)
        self._pace = Pace(recipe, len(train))
        self.progress = Progress(recipe=recipe.name)
        self._saved_at = time.monotonic()

    def run(self) -> Progress:
        """Train to the end of the recipe, from the last checkpoint if there is one.

        Raises:
            ConfigurationError: The checkpoint is damaged or of another network, or the
                loss is not a number any more.
        """
        self._out.mkdir(parents=True, exist_ok=True)
        checkpoint = self._out / CHECKPOINT
        if checkpoint.exists():
            self.progress = load_checkpoint(
                checkpoint, self.network, self.averaged, self._optimiser
            )
            self._report(f"resumed at epoch {self.progress.epoch + 1}, step {self.progress.step}")
        trim_history(self._out / HISTORY, self.progress.epoch)
        while self.progress.epoch < self._recipe.epochs and not self._stopped():
            self._finish_epoch(self._train_epoch())
        return self.progress

    def _stopped(self) -> bool:
        patience, progress = self._recipe.stopping.patience, self.progress
        return patience is not None and progress.epoch - progress.best_epoch >= patience

    def _train_epoch(self) -> float:
        """Run the rest of an epoch and return its pictures per second."""
        recipe, progress = self._recipe, self.progress
        stage = recipe.stage_at(progress.epoch)
        order = self._sampler.order(progress.epoch)
        steps = max(1, len(order) // stage.batch)
        self.network.train()
        started = reported = before = time.monotonic()
        first = progress.step
        for step in range(first, steps):
            rows = order[step * stage.batch : (step + 1) * stage.batch]
            loss = self._take_step(rows, (progress.epoch + step / steps) / recipe.epochs)
            now = time.monotonic()
            progress.add_step(loss, now - before)
            before = now
            if now - reported >= self._report_every_s:
                reported = now
                self._say_progress(steps, (step + 1 - first) * stage.batch / (now - started))
            if now - self._saved_at >= self._checkpoint_every_s:
                self._save()
        elapsed = max(time.monotonic() - started, 1e-9)
        return max(0, steps - first) * stage.batch / elapsed

    def _take_step(self, rows: Rows, done: float) -> float:
        recipe, number = self._recipe, self.progress.total_steps
        side = recipe.stage_at(self.progress.epoch).input_side_px
        rate = learning_rate(recipe.optimiser, done, recipe.epochs)
        grey, targets = self._batches.make(rows, side, number)
        loss = self._step(grey, targets, rate=rate, seed=self._batches.seed(number), number=number)
        if not math.isfinite(loss):
            raise ConfigurationError(
                "optimiser.learning_rate",
                f"the loss is {loss} at step {number + 1}: lower the rate or gradient_clip",
            )
        if self._on_step is not None:
            self._on_step(number + 1, loss, rate)
        return loss

    def _say_progress(self, steps: int, images_per_s: float) -> None:
        progress = self.progress
        side = self._recipe.stage_at(progress.epoch).input_side_px
        left = self._pace.seconds_left(progress.epoch, progress.step / steps, images_per_s)
        self._report(
            f"epoch {progress.epoch + 1}/{self._recipe.epochs} step {progress.step}/{steps} "
            f"{side} px loss {progress.mean_loss:.4f} "
            f"{images_per_s:.0f} img/s, {duration(left)} left"
        )

    def _finish_epoch(self, images_per_s: float) -> None:
        progress = self.progress
        side = self._recipe.stage_at(progress.epoch).input_side_px
        shares = predict(
            self.averaged,
            self._validation.images,
            side,
            normalisation=self._recipe.input.normalisation,
            classes=len(self._validation.names),
        )
        validation = Validation.of(shares, self._validation)
        figures: Epoch = {
            "train_loss": progress.mean_loss,
            **{f"validation_{name}": value for name, value in validation.figures.items()},
            "images_per_s": images_per_s,
            "input_side_px": float(side),
        }
        progress.end_epoch()
        if self._better(validation):
            progress.best_epoch = progress.epoch
            progress.best_accuracy = validation.figures["accuracy"]
            progress.best_log_loss = validation.figures["log_loss"]
            save_weights(self._out / BEST_WEIGHTS, self._weights())
            validation.write(self._out / VALIDATION, progress.epoch)
        save_weights(self._out / LAST_WEIGHTS, self._weights())
        # History before checkpoint: a run killed between the two repeats the epoch's end,
        # and `trim_history` drops the line that it will write again.
        append_epoch(self._out / HISTORY, progress.epoch, figures)
        self._save()
        self._say_epoch(figures)
        if self._on_epoch is not None:
            self._on_epoch(progress.epoch, figures)

    def _weights(self) -> dict[str, torch.Tensor]:
        return answering_weights(self.averaged, len(self._validation.names))

    def _say_epoch(self, figures: Epoch) -> None:
        progress = self.progress
        best = "best so far" if progress.best_epoch == progress.epoch else "not better"
        self._report(
            f"epoch {progress.epoch}/{self._recipe.epochs} done: "
            f"loss {figures['train_loss']:.4f}, "
            f"validation accuracy {figures['validation_accuracy']:.4f} "
            f"macro F1 {figures['validation_macro_f1']:.4f} "
            f"log-loss {figures['validation_log_loss']:.4f} ({best}), "
            f"{figures['images_per_s']:.0f} img/s"
        )

    def _better(self, validation: Validation) -> bool:
        progress, found = self.progress, validation.figures
        if self._recipe.stopping.metric == "log_loss":
            return found["log_loss"] <= progress.best_log_loss
        return (found["accuracy"], -found["log_loss"]) > (
            progress.best_accuracy,
            -progress.best_log_loss,
        )

    def _save(self) -> None:
        save_checkpoint(
            self._out / CHECKPOINT, self.network, self.averaged, self._optimiser, self.progress
        )
        self._saved_at = time.monotonic()
