"""Temperature and abstention, both fitted on validation only."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_Float = TypeVar("_Float", bound=np.floating[Any])

_RANGE = (0.2, 5.0)
_STEPS = 60
_GOLDEN = (5**0.5 - 1) / 2


def softmax(logits: npt.NDArray[_Float], temperature: float = 1.0) -> npt.NDArray[_Float]:
    """Return probabilities of logits (N, classes) divided by `temperature`, of their type."""
    scaled = logits / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), logits.dtype)


def fit_temperature(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature with the least log-loss (Guo et al. 2017), 0.2 to 5.

    Golden-section search; the log-loss is convex in the inverse temperature.
    """

    def loss(inverse: float) -> float:
        chosen = softmax(logits, 1 / inverse)[np.arange(len(labels)), labels]
        return float(-np.log(np.clip(chosen, 1e-12, 1)).mean())

    low, high = 1 / _RANGE[1], 1 / _RANGE[0]
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return round(2 / (low + high), 4)


def fit_abstention(
    confidence: npt.NDArray[np.float64],
    correct: npt.NDArray[np.bool_],
    *,
    right_at_least: float = 0.5,
) -> float:
    """Return the confidence under which answers are set aside, 0 to 1.

    It is the point where the isotonic regression of being right on confidence
    crosses `right_at_least`: an answer is given where it is more likely right than
    wrong. The crossing is where the running sum of (right - `right_at_least`), in
    order of confidence, is least.
    """
    order = np.argsort(confidence, kind="stable")
    running = np.concatenate([[0.0], np.cumsum(correct[order] - right_at_least)])
    first_kept = int(running.argmin())
    if first_kept == len(order):
        return 1.0
    return round(float(confidence[order[first_kept]]), 4) if first_kept else 0.0
