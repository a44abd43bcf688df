"""The figures of each epoch, one JSON line each, and how long a run still takes."""

from __future__ import annotations

import json
from pathlib import Path

from ml.files import written_whole
from ml.training.recipe import Recipe

Epoch = dict[str, float]


def append_epoch(path: Path, epoch: int, figures: Epoch) -> None:
    """Add the figures of a finished epoch (from 1)."""
    with path.open("a", encoding="utf-8") as history:
        history.write(json.dumps({"epoch": epoch, **figures}) + "\n")


def read_history(path: Path) -> list[tuple[int, Epoch]]:
    """Return the epochs (from 1) with their figures; a torn last line is left out."""
    found: list[tuple[int, Epoch]] = []
    if not path.is_file():
        return found
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            figures: Epoch = json.loads(line)
        except ValueError:
            continue
        found.append((int(figures.pop("epoch")), figures))
    return found


def trim_history(path: Path, epochs: int) -> None:
    """Drop what a killed run wrote after its last checkpoint: lines past `epochs`."""
    kept = [(epoch, figures) for epoch, figures in read_history(path) if epoch <= epochs]
    if not path.is_file():
        return
    with written_whole(path) as partial:
        partial.touch()
        for epoch, figures in kept:
            append_epoch(partial, epoch, figures)


class Pace:
    """Estimates the time left from what has been done since it was made.

    A picture's cost is taken to grow with the square of its side.

    Args:
        recipe: The stages.
        pictures: Pictures per epoch.
    """

    def __init__(self, recipe: Recipe, pictures: int) -> None:
        self._recipe, self._pictures = recipe, pictures

    def seconds_left(self, epoch: int, share: float, images_per_s: float) -> float:
        """Return the seconds to the end of the recipe's last epoch.

        Args:
            epoch: The epoch under way, from 0.
            share: How much of it is done, 0 to 1.
            images_per_s: Speed at this epoch's input size.
        """
        now = self._recipe.stage_at(epoch).input_side_px ** 2
        later = range(epoch + 1, self._recipe.epochs)
        cost = sum(self._recipe.stage_at(number).input_side_px ** 2 for number in later) / now
        return self._pictures * (1 - share + cost) / max(images_per_s, 1e-9)


def duration(seconds: float) -> str:
    """Return seconds as `h:mm:ss`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
