"""What is compared: the task, the budget that every network gets, its recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from include.contracts.labels import EXPRESSIONS
from ml.models.zoo import ARCHITECTURES
from ml.training.recipe import Recipe, make_recipe, read_recipe

RECIPES = Path(__file__).parents[1] / "training" / "recipes" / "zoo"

_WARMUP_SHARE = 0.1
_CAPSTONE_CLASSES = ("happiness", "neutral", "sadness", "surprise")


@dataclass(frozen=True, slots=True)
class Task:
    """What the networks answer: `classes` in the order of their outputs."""

    name: str
    title: str
    classes: tuple[str, ...]

    @property
    def subset(self) -> tuple[str, ...] | None:
        """The classes as a recipe names them: None where they are all seven."""
        return None if self.classes == EXPRESSIONS else self.classes


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "seven": Task("seven", "Seven displayed expressions", EXPRESSIONS),
        "four": Task(
            "four",
            "Four displayed expressions",
            tuple(name for name in EXPRESSIONS if name in _CAPSTONE_CLASSES),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What every network gets alike.

    Attributes:
        epochs: Passes over the training pictures.
        side_px: Side of the network's input.
        subset: Training pictures drawn at random, or None for all.
    """

    epochs: int
    side_px: int
    subset: int | None = None

    @property
    def slug(self) -> str:
        """The budget as part of a folder's name."""
        drawn = f"-{self.subset}pictures" if self.subset else ""
        return f"{self.side_px}px-{self.epochs}epochs{drawn}"


def recipe_for(architecture: str, task: Task, budget: Budget) -> Recipe:
    """Return the recipe of a network's family with the task and budget in it.

    Raises:
        ConfigurationError: The budget is out of a recipe's range (side 32 to 224).
    """
    path = RECIPES / f"{ARCHITECTURES[architecture].family}.yaml"
    content = read_recipe(path).model_dump(mode="json")
    batch = content["stages"][0]["batch"]
    content["name"] = f"compare_{task.name}_{architecture}"
    content["model"]["architecture"] = architecture
    content["data"]["classes"] = task.subset
    content["optimiser"]["warmup_epochs"] = min(
        content["optimiser"]["warmup_epochs"], _WARMUP_SHARE * budget.epochs
    )
    content["stages"] = [{"input_side_px": budget.side_px, "epochs": budget.epochs, "batch": batch}]
    return make_recipe(content, f"{path} with --side {budget.side_px} --epochs {budget.epochs}")


def fingerprint(recipe: Recipe, rows_sha256: str) -> str:
    """Return the sha256 (hex) of all that decides a trained network: its name from then on."""
    decided = {"recipe": recipe.model_dump(mode="json"), "rows": rows_sha256}
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
