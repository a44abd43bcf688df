"""How long a network takes on one CPU thread, fairly between networks.

All networks stand in one process. Each round runs every one of them once, in a new random
order, so that a busy moment of the machine falls on all alike; the median over the rounds
is what is reported.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from include.statistics import means

BATCHES: Mapping[int, int] = {1: 60, 32: 20}
"""Batch size to rounds."""

_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """Median milliseconds of one batch, with its 95 % interval over `rounds`."""

    median_ms: float
    low_ms: float
    high_ms: float
    rounds: int


def measure_latency(
    networks: Mapping[str, nn.Module],
    side_px: int,
    *,
    batches: Mapping[int, int] = BATCHES,
    seed: int = 0,
) -> dict[str, dict[int, Latency]]:
    """Return latency by network and batch size, on one thread.

    Args:
        networks: In evaluation mode, on the CPU; each maps (N, 3, side, side) to logits.
        side_px: Side of the input.
        batches: Batch size to number of rounds.
        seed: Seed of the orders.

    The input stands ready as the network takes it: decoding and resizing are not part of
    it, they are the same for every network.
    """
    shuffle = random.Random(seed)  # noqa: S311
    result: dict[str, dict[int, Latency]] = {name: {} for name in networks}
    with _one_thread(), torch.inference_mode():
        for batch, rounds in batches.items():
            pictures = torch.randn(batch, 3, side_px, side_px)
            pictures = pictures.to(memory_format=torch.channels_last)
            times: dict[str, list[float]] = {name: [] for name in networks}
            for number in range(_WARM_UP + rounds):
                for name in shuffle.sample(list(networks), len(networks)):
                    started = time.perf_counter()
                    networks[name](pictures)
                    if number >= _WARM_UP:
                        times[name].append((time.perf_counter() - started) * 1000)
            for name, taken in times.items():
                found = means.median(taken)
                result[name][batch] = Latency(found.value, found.low, found.high, found.n)
    return result


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
