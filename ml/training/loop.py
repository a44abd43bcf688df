"""The training loop: seeded, resumable at any step, soft labels, averaged weights."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ml.data.records import FaceTable
from ml.data.votes import majority, soft_targets, usable
from ml.models.mobilenet import build_mobilenet_v2
from ml.models.preprocessing import network_input, standardise
from ml.training.augment import augment, mix
from ml.training.checkpoint import Progress, load_checkpoint, save_checkpoint, save_weights
from ml.training.recipe import OptimiserPart, Recipe

CHECKPOINT = "checkpoint.safetensors"
BEST_WEIGHTS = "best.safetensors"
LAST_WEIGHTS = "last.safetensors"
HISTORY = "history.jsonl"
RECIPE_COPY = "recipe.yaml"
"""Files in a run's folder; the command line keeps the recipe there."""

Epoch = dict[str, float]


class Trainer:
    """One run of a recipe on a training and a validation table.

    Args:
        recipe: What to do.
        train: Pictures that train; unusable rows are left out here.
        validation: Pictures that only select.
        out: Folder of checkpoints, weights and history; a run found there goes on.
        report: Called with one line of progress at a time.
        on_epoch: Called with the figures of each finished epoch.
        report_every_s: Seconds between progress lines.
        checkpoint_every_s: Seconds between checkpoints inside an epoch.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: FaceTable,
        validation: FaceTable,
        out: Path,
        *,
        report: Callable[[str], None] = print,
        on_epoch: Callable[[int, Epoch], None] | None = None,
        report_every_s: float = 30.0,
        checkpoint_every_s: float = 120.0,
    ) -> None:
        self._recipe, self._out, self._report = recipe, out, report
        self._on_epoch = on_epoch
        self._report_every_s, self._checkpoint_every_s = report_every_s, checkpoint_every_s
        train = train.select(usable(train.votes))
        self._images = torch.from_numpy(train.images)
        self._targets = torch.from_numpy(soft_targets(train.votes))
        self._validation = validation.select(majority(validation.votes) >= 0)
        torch.manual_seed(recipe.seed)
        self.network = build_mobilenet_v2(width=recipe.model.width, dropout=recipe.model.dropout)
        self.averaged = copy.deepcopy(self.network).eval()
        self._optimiser = _optimiser(self.network, recipe.optimiser)
        self.progress = Progress(recipe=recipe.name)
        self._saved_at = time.monotonic()

    def run(self) -> Progress:
        """Train to the end of the recipe, from the last checkpoint if there is one."""
        self._out.mkdir(parents=True, exist_ok=True)
        checkpoint = self._out / CHECKPOINT
        if checkpoint.exists():
            self.progress = load_checkpoint(
                checkpoint, self.network, self.averaged, self._optimiser
            )
            self._report(f"resumed at epoch {self.progress.epoch + 1}, step {self.progress.step}")
        while self.progress.epoch < self._recipe.epochs:
            loss, rate = self._train_epoch()
            self._finish_epoch(loss, rate)
        return self.progress

    def _train_epoch(self) -> tuple[float, float]:
        recipe, progress = self._recipe, self.progress
        stage = recipe.stage_at(progress.epoch)
        order = np.random.default_rng((recipe.seed, progress.epoch)).permutation(len(self._images))
        steps = max(1, len(order) // stage.batch)
        self.network.train()
        losses: list[float] = []
        started = reported = time.monotonic()
        first = progress.step
        for step in range(first, steps):
            rows = torch.from_numpy(order[step * stage.batch : (step + 1) * stage.batch])
            done = (progress.epoch + step / steps) / recipe.epochs
            losses.append(self._step(rows, stage.input_side_px, done))
            progress.step, progress.total_steps = step + 1, progress.total_steps + 1
            now = time.monotonic()
            if now - reported >= self._report_every_s:
                reported = now
                speed = (step + 1 - first) * stage.batch / (now - started)
                self._report(
                    f"epoch {progress.epoch + 1}/{recipe.epochs} step {step + 1}/{steps} "
                    f"{stage.input_side_px} px loss {np.mean(losses[-100:]):.4f} {speed:.0f} img/s"
                )
            if now - self._saved_at >= self._checkpoint_every_s:
                self._save()
        elapsed = max(time.monotonic() - started, 1e-9)
        mean_loss = float(np.mean(losses)) if losses else math.nan
        return mean_loss, len(losses) * stage.batch / elapsed

    def _step(self, rows: torch.Tensor, side: int, done: float) -> float:
        recipe = self._recipe
        seed = (recipe.seed * 1_000_003 + self.progress.total_steps) % 2**63
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(recipe.optimiser, done, recipe.epochs)
        grey = augment(self._images[rows], side, recipe.augmentation, generator)
        grey, targets = mix(grey, self._targets[rows], recipe.augmentation.mixup, generator)
        loss = functional.cross_entropy(self.network(standardise(grey)), targets)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.optimiser.gradient_clip)
        self._optimiser.step()
        self._average()
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        step = self.progress.total_steps
        decay = min(self._recipe.optimiser.ema_decay, (1 + step) / (10 + step))
        mine = list(self.averaged.state_dict().values())
        live = list(self.network.state_dict().values())
        floats = [(a, b) for a, b in zip(mine, live, strict=True) if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - decay)
        for a, b in zip(mine, live, strict=True):
            if not a.is_floating_point():
                a.copy_(b)

    def _finish_epoch(self, loss: float, rate: float) -> None:
        progress = self.progress
        side = self._recipe.stage_at(progress.epoch).input_side_px
        probabilities = predict(self.averaged, self._validation.images, side)
        labels = majority(self._validation.votes)
        accuracy = float((probabilities.argmax(axis=1) == labels).mean())
        chosen = np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1)
        figures: Epoch = {
            "train_loss": loss,
            "validation_accuracy": accuracy,
            "validation_log_loss": float(-np.log(chosen).mean()),
            "images_per_s": rate,
            "input_side_px": float(side),
        }
        progress.epoch, progress.step = progress.epoch + 1, 0
        if figures["validation_log_loss"] <= progress.best_log_loss:
            progress.best_epoch, progress.best_accuracy = progress.epoch, accuracy
            progress.best_log_loss = figures["validation_log_loss"]
            save_weights(self._out / BEST_WEIGHTS, self.averaged)
        save_weights(self._out / LAST_WEIGHTS, self.averaged)
        self._save()
        with (self._out / HISTORY).open("a", encoding="utf-8") as history:
            history.write(json.dumps({"epoch": progress.epoch, **figures}) + "\n")
        listed = " ".join(f"{name} {value:.4f}" for name, value in figures.items())
        self._report(f"epoch {progress.epoch}/{self._recipe.epochs} done: {listed}")
        if self._on_epoch is not None:
            self._on_epoch(progress.epoch, figures)

    def _save(self) -> None:
        save_checkpoint(
            self._out / CHECKPOINT, self.network, self.averaged, self._optimiser, self.progress
        )
        self._saved_at = time.monotonic()


def learning_rate(part: OptimiserPart, done: float, epochs: int) -> float:
    """Return the rate when the share `done` (0 to 1) of `epochs` epochs is behind."""
    warm = part.warmup_epochs / epochs
    if done < warm:
        return part.learning_rate * max(done / warm, 0.01)
    cosine = 0.5 * (1 + math.cos(math.pi * (done - warm) / max(1 - warm, 1e-9)))
    return part.learning_rate * (part.final_share + (1 - part.final_share) * cosine)


@torch.inference_mode()
def predict(network: nn.Module, images: np.ndarray, side: int, *, batch: int = 256) -> np.ndarray:
    """Return uncalibrated probabilities, float32 (N, classes), of uint8 (N, h, w) pictures."""
    network.eval()
    parts = [
        network(network_input(torch.from_numpy(images[i : i + batch]), side)).softmax(dim=1)
        for i in range(0, len(images), batch)
    ]
    return torch.cat(parts).numpy()


def _optimiser(network: nn.Module, part: OptimiserPart) -> torch.optim.AdamW:
    """AdamW; norms and biases are not decayed."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": part.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=part.learning_rate, fused=True)
