"""What an epoch is worth on the validation rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import confusion_matrix, f1_score, log_loss, recall_score
from torch import nn

from ml.files import written_whole
from ml.models.names import Normalisation
from ml.models.preprocessing import network_input
from ml.training.examples import Examples

Shares = npt.NDArray[np.float32]

_FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class Validation:
    """Figures of one network on the validation rows.

    Attributes:
        figures: `accuracy`, `macro_f1`, `balanced_accuracy` (0 to 1) and `log_loss`
            (nats), not calibrated; averages are over the classes that occur.
        confusion: Counts, rows true, columns answered.
        names: Class names of both.
    """

    figures: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, probabilities: Shares, examples: Examples) -> Validation:
        """Measure answers, shape (N, classes), against the rows' labels."""
        truth, answer = examples.labels, probabilities.argmax(axis=1)
        every = np.arange(len(examples.names))
        present = np.unique(truth)
        bounded = np.clip(probabilities.astype(np.float64), _FLOOR, 1)
        bounded /= bounded.sum(axis=1, keepdims=True)
        scored: dict[str, Any] = {"labels": present, "average": "macro", "zero_division": 0}
        figures = {
            "accuracy": float((truth == answer).mean()),
            "macro_f1": float(f1_score(truth, answer, **scored)),
            "balanced_accuracy": float(recall_score(truth, answer, **scored)),
            "log_loss": float(log_loss(truth, bounded, labels=every)),
        }
        counts = confusion_matrix(truth, answer, labels=every)
        confusion = tuple(tuple(int(cell) for cell in row) for row in counts)
        return cls(figures, confusion, examples.names)

    def write(self, path: Path, epoch: int) -> None:
        """Write figures and confusion counts as JSON; `epoch` counts from 1."""
        content = {
            "epoch": epoch,
            "figures": self.figures,
            "labels": self.names,
            "confusion": self.confusion,
        }
        with written_whole(path) as partial:
            partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@torch.inference_mode()
def predict(
    network: nn.Module,
    images: npt.NDArray[np.uint8],
    side: int,
    *,
    normalisation: Normalisation = "picture",
    classes: int | None = None,
    batch: int = 256,
) -> Shares:
    """Return uncalibrated probabilities, float32 (N, classes), of uint8 (N, h, w) pictures.

    Outputs after the first `classes` are not read; None: all are classes. The network is in
    evaluation mode afterwards; it may live on any device.
    """
    network.eval()
    device = next(network.parameters()).device
    parts = []
    for start in range(0, len(images), batch):
        pictures = torch.from_numpy(images[start : start + batch]).to(device)
        logits = network(network_input(pictures, side, normalisation=normalisation))
        parts.append(logits[:, :classes].softmax(dim=1).float().cpu())
    return torch.cat(parts).numpy()
