"""All that was measured so far, and what has to be said with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ml.comparison.capstone import REPORTED, SOURCE
from ml.comparison.latency import Latency
from ml.comparison.machine import Machine
from ml.comparison.plan import Budget, Task
from ml.comparison.result import Result
from ml.models.zoo import ARCHITECTURES

CONVERGED_EPOCHS = 20
"""Fewer than this is called a small budget: the recipes' own number of epochs."""

_SMALL = (
    "This is a small budget: networks that learn slowly are shown before they have, and the "
    "order may change with a larger one."
)
_ALIKE = (
    "Split, augmentation, batch size, schedule and epochs are the same for all; the learning "
    "rate is set per family of networks and tuned for none."
)
_SCORED = (
    "each scored once, by the epoch that validation chose; brackets hold the 95 % bootstrap "
    "interval. Probabilities are as trained, not calibrated."
)
_LATENCY = (
    "Latency is that of the network alone on one CPU thread, all networks interleaved in one "
    "process: the median and its 95 % interval."
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Pictures.

    Attributes:
        train: Trained each network.
        train_available: Could have.
        test: Were scored.
        majority: The commonest class among those.
        majority_share: Its share, 0 to 1: what always answering it would be worth.
    """

    train: int
    train_available: int
    test: int
    majority: str
    majority_share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The state of a comparison.

    Attributes:
        task: What the networks answer.
        budget: What each of them got.
        counts: Pictures.
        split_sha256: Name of the split.
        results: Of the networks that are done, best accuracy first.
        latency: By network and batch size; empty until all are trained.
        waiting: Networks that are not done yet.
        machine: Where times were taken.
    """

    task: Task
    budget: Budget
    counts: Counts
    split_sha256: str
    results: tuple[Result, ...]
    latency: Mapping[str, Mapping[int, Latency]]
    waiting: tuple[str, ...]
    machine: Machine

    @property
    def title(self) -> str:
        """One line for people."""
        return f"{self.task.title}: {len(self.results) + len(self.waiting)} architectures compared"

    @property
    def small_budget(self) -> bool:
        """Whether networks are compared before they have learnt what they can."""
        return self.budget.epochs < CONVERGED_EPOCHS or self.budget.subset is not None

    @property
    def beside_capstone(self) -> bool:
        """Whether the capstone measured the same task."""
        return self.task.name == "four"

    @property
    def budget_sentence(self) -> str:
        """What every network got alike."""
        counts, epochs = self.counts, self.budget.epochs
        drawn = (
            f"{counts.train:,} of the {counts.train_available:,}"
            if counts.train < counts.train_available
            else f"all {counts.train:,}"
        )
        return (
            f"Each network was trained for {epochs} epoch{'s' if epochs > 1 else ''} at "
            f"{self.budget.side_px} px on {drawn} training pictures of FER+, from random weights."
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """What has to be known to read the figures."""
        counts, machine = self.counts, self.machine
        said = [self.budget_sentence]
        if self.small_budget:
            said.append(_SMALL)
        said += [
            _ALIKE,
            f"Figures are of {counts.test:,} test pictures, {_SCORED}",
            f"Always answering {counts.majority} would be right in {counts.majority_share:.1%}.",
            f"Training time is wall-clock, of training steps alone, on {machine.trainer}.",
        ]
        if self.latency:
            said.append(f"{_LATENCY} CPU: {machine.cpu}; load then: {machine.load}.")
        return tuple(said)


def as_json(comparison: Comparison) -> str:
    """Return everything, for machines."""
    content: dict[str, Any] = {
        "task": asdict(comparison.task),
        "budget": asdict(comparison.budget),
        "small_budget": comparison.small_budget,
        "pictures": asdict(comparison.counts),
        "split_sha256": comparison.split_sha256,
        "machine": asdict(comparison.machine),
        "waiting": comparison.waiting,
        "networks": [
            asdict(result)
            | {
                "title": ARCHITECTURES[result.architecture].title,
                "source": ARCHITECTURES[result.architecture].source,
                "latency": {
                    str(batch): asdict(latency)
                    for batch, latency in comparison.latency.get(result.architecture, {}).items()
                },
            }
            for result in comparison.results
        ],
    }
    if comparison.beside_capstone:
        reported = {name: asdict(row) for name, row in REPORTED.items()}
        content["capstone"] = {"source": SOURCE, "reported": reported}
    return json.dumps(content, indent=1) + "\n"
