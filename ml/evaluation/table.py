"""Figures as a table for people."""

from __future__ import annotations

from include.contracts.labels import EXPRESSIONS
from include.statistics import words
from ml.evaluation.metrics import WHOLE, Evaluation


def format_table(evaluation: Evaluation, title: str) -> str:
    """Return the figures with n and 95 % intervals, then the confusion counts."""
    figures = evaluation.figures
    lines = [title, f"{'figure':<24}{'value':>8}  {'95 % interval':<18}{'n':>6}"]
    names = [*WHOLE]
    for label in EXPRESSIONS:
        names += [f"recall_{label}", f"precision_{label}", f"f1_{label}"]
    for name in names:
        figure = figures[name]
        lines.append(
            f"{name.replace('_', ' '):<24}{words.plain(figure.value):>8}  "
            f"{words.span(figure):<18}{figure.n:>6}"
        )
    width = max(len(label) for label in EXPRESSIONS) + 1
    lines.append("\nconfusion (rows: majority of the annotators, columns: answered)")
    lines.append(" " * width + "".join(f"{label[:9]:>10}" for label in EXPRESSIONS))
    for label, row in zip(EXPRESSIONS, evaluation.confusion, strict=True):
        lines.append(f"{label:<{width}}" + "".join(f"{cell:>10}" for cell in row))
    return "\n".join(lines)
