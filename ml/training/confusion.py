"""The confusion counts of a run's best epoch as a table and as a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

CSV = "confusion.csv"
PICTURE = "confusion.png"

_DARK_CELL = 0.5


def write_confusion(validation: Path, folder: Path) -> tuple[Path, Path]:
    """Write `confusion.csv` and `confusion.png` of a `validation.json` and return their paths.

    Rows are the true classes, columns the answers. The picture's colour is the share of
    the row, its numbers are counts.
    """
    content = json.loads(validation.read_text(encoding="utf-8"))
    names: list[str] = content["labels"]
    counts = np.array(content["confusion"], np.int64)
    with (folder / CSV).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["true", *names])
        for name, row in zip(names, counts.tolist(), strict=True):
            writer.writerow([name, *row])
    title = f"Validation, epoch {content['epoch']}: n = {counts.sum()}"
    _draw(names, counts, title, folder / PICTURE)
    return folder / CSV, folder / PICTURE


def _draw(names: list[str], counts: Any, title: str, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shading = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > _DARK_CELL else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answered")
    axes.set_ylabel("majority of the annotators")
    axes.set_title(title, fontsize=10)
    figure.colorbar(shading, label="share of the row")
    figure.savefig(path, dpi=110)
