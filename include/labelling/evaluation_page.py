"""An evaluation as a page for people: the decision first, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.contracts.labels import EXPRESSIONS
from include.labelling.evaluation import LAST_WINDOW, EvaluationRecord
from include.labelling.health import Drop, Health
from include.pages.environment import page_template
from include.pages.formats import moment, share
from include.statistics import words
from include.statistics.estimate import Estimate

_TEMPLATES = Path(__file__).parent / "templates"
_SEVERITY = {Health.HEALTHY: "good", Health.WATCH: "care", Health.DEGRADED: "bad"}
_WORDS = {
    Health.HEALTHY: "No figure fell by more than is tolerated.",
    Health.WATCH: "Something may be wrong, or too little is known to say that nothing is.",
    Health.DEGRADED: "The model surely does worse than is tolerated: a retraining is asked for.",
}
_NAMES = {"accuracy": "Accuracy", "macro_f1": "Macro F1"}

_WIDTH, _LEFT, _RIGHT = 840.0, 270.0, 24.0
_ROW, _TOP = 44.0, 16.0
_HISTORY_HEIGHT, _HISTORY_FOOT = 200.0, 34.0


@dataclass(frozen=True, slots=True)
class _Interval:
    """One row of the chart of drops; places in the units of the chart."""

    label: str
    text: str
    severity: str
    y: float
    low: float
    high: float
    value: float
    tolerated: float


def render_evaluation(document: EvaluationRecord, history: Sequence[EvaluationRecord]) -> bytes:
    """Render an evaluation as one self-contained HTML file.

    Args:
        document: What is kept of it.
        history: Earlier evaluations, the oldest first.
    """
    health = document.decision.health
    figures = document.estimates.figures
    sealed = _sealed(document)
    html = page_template(_TEMPLATES, "evaluation.html.j2").render(
        document=document,
        health=health,
        severity=_SEVERITY[health],
        words=_WORDS[health],
        figures=figures,
        sealed=sealed,
        drops=_drops(document),
        expressions=[_expression(name, figures, sealed) for name in EXPRESSIONS],
        confusion=_confusion(document.estimates.confusion),
        past=_history([*history, document]),
        agreement=document.agreement,
    )
    return html.encode("utf-8", "replace")


def _sealed(document: EvaluationRecord) -> Mapping[str, Estimate]:
    """The figures the package was sealed with; empty where it has none."""
    for reference in document.references:
        if reference.name != LAST_WINDOW:
            return reference.figures
    return {}


def _drops(document: EvaluationRecord) -> Mapping[str, Any] | None:
    """The chart of drops: each interval beside what is tolerated. None without comparisons."""
    drops = [drop for drop in document.decision.drops if drop.fell.has_interval]
    if not drops:
        return None
    ends = [end for drop in drops for end in (drop.fell.low, drop.fell.high, drop.tolerated)]
    low: float = min(-0.02, *ends) - 0.02
    high: float = max(0.02, *ends) + 0.02

    def place(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    rows = [
        _Interval(
            label=f"{_NAMES.get(drop.figure, drop.figure)} against {drop.reference}",
            text=words.points(drop.fell, said=True),
            severity=_severity(drop),
            y=_TOP + index * _ROW + _ROW / 2,
            low=place(drop.fell.low),
            high=place(drop.fell.high),
            value=place(drop.fell.value),
            tolerated=place(drop.tolerated),
        )
        for index, drop in enumerate(drops)
    ]
    bottom = _TOP + len(rows) * _ROW
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / step <= 9)
    ticks = [
        (place(number * step), f"{100 * number * step:+.0f}" if number else "0")
        for number in range(-(-int(low * 1000) // int(step * 1000)), int(high / step) + 1)
        if low <= number * step <= high
    ]
    return {
        "rows": rows,
        "ticks": ticks,
        "zero": place(0.0),
        "bottom": bottom,
        "height": bottom + 44,
        "width": _WIDTH,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
    }


def _severity(drop: Drop) -> str:
    if drop.fell.low > drop.tolerated:
        return "bad"
    return "care" if drop.fell.value > drop.tolerated else "good"


def _expression(
    name: str, figures: Mapping[str, Estimate], sealed: Mapping[str, Estimate]
) -> Mapping[str, Any]:
    return {
        "name": name,
        "n": figures.get(f"recall_{name}", Estimate.undefined()).n,
        **{part: figures.get(f"{part}_{name}") for part in ("recall", "precision", "f1")},
        "sealed_f1": sealed.get(f"f1_{name}"),
    }


def _confusion(
    shares: Sequence[Sequence[float]],
) -> list[tuple[str, list[tuple[str, str, float]], None]]:
    """Rows of the true expression, as `matrix` takes them; no cells where none was labelled."""
    rows: list[tuple[str, list[tuple[str, str, float]], None]] = []
    for name, row in zip(EXPRESSIONS, shares, strict=True):
        total = sum(row)
        cells = [(f"{100 * cell / total:.0f}", "", cell / total) for cell in row] if total else []
        rows.append((name.capitalize(), cells, None))
    return rows


def _history(documents: Sequence[EvaluationRecord]) -> Mapping[str, Any] | None:
    """Accuracy of the evaluations over time, evenly spaced; None before there are two."""
    points = [
        (document, figure)
        for document in documents
        if (figure := document.estimates.figures.get("accuracy")) and figure.is_defined
    ]
    if len(points) < 2:
        return None
    span = _WIDTH - 60 - _RIGHT
    plot = _HISTORY_HEIGHT - _HISTORY_FOOT - _TOP

    def height(value: float) -> float:
        return _TOP + (1 - value) * plot

    marks = []
    for index, (document, figure) in enumerate(points):
        low, high = (
            (figure.low, figure.high) if figure.has_interval else (figure.value, figure.value)
        )
        marks.append(
            {
                "x": 60 + span * (index + 0.5) / len(points),
                "value": height(figure.value),
                "low": height(low),
                "high": height(high),
                "severity": _SEVERITY[document.decision.health],
                "day": moment(document.evaluated_at)[5:10],
            }
        )
    return {
        "marks": marks,
        "rows": [
            (
                moment(document.evaluated_at),
                document.model.version,
                document.decision.health,
                document.estimates.judged_n,
                share(figure),
            )
            for document, figure in reversed(points)
        ],
        "grid": [(height(level), f"{100 * level:.0f} %") for level in (0, 0.25, 0.5, 0.75, 1)],
        "every": -(-len(marks) // 12),
        "width": _WIDTH,
        "right": _WIDTH - _RIGHT,
        "height": _HISTORY_HEIGHT,
        "foot": _HISTORY_HEIGHT - 10,
    }
