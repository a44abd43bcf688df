"""Charts of an evaluation as inline SVG: no script, no request, text stays text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure as Canvas

from include.pages.charts import ACCENT, DIM, INK, STYLE, inline_chart
from include.statistics.arrays import FloatArray
from include.statistics.estimate import Estimate
from ml.evaluation.reliability import Abstention, Bin
from ml.evaluation.robustness import Robustness
from ml.evaluation.slices import Slice

_STYLE: Any = {
    **STYLE,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_PALE = 0.25
"""Opacity of bars and bands in the accent colour."""


def reliability_chart(bins: Sequence[Bin]) -> Markup:
    """Draw accuracy against confidence, and how many answers each bin holds."""
    shown = [item for item in bins if item.accuracy.n]
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(5.2, 4.6), layout="constrained")
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot([0, 1], [0, 1], "--", color=DIM, linewidth=1)
        x = [item.mean_confidence for item in shown]
        _points(upper, x, [item.accuracy for item in shown])
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
        width = bins[0].high - bins[0].low
        lower.bar(
            [item.low for item in shown],
            [item.accuracy.n for item in shown],
            width * 0.92,
            align="edge",
            color=ACCENT,
            alpha=_PALE,
        )
        lower.set(xlabel="confidence", ylabel="answers")
        return _svg(canvas, "Reliability diagram: accuracy against confidence in 15 bins")


def abstention_chart(curve: tuple[FloatArray, FloatArray], measured: Abstention) -> Markup:
    """Draw accuracy against the share of pictures answered, the sealed threshold marked."""
    coverage, accuracy = curve
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(5.2, 4.6), layout="constrained")
        axes = canvas.subplots()
        steady = coverage >= min(0.02, float(coverage[-1]))
        axes.plot(coverage[steady], accuracy[steady], color=ACCENT, linewidth=1.6)
        table = measured.curve
        axes.fill_between(
            [point.coverage for point in table],
            [point.accuracy.low for point in table],
            [point.accuracy.high for point in table],
            color=ACCENT,
            alpha=_PALE,
            linewidth=0,
        )
        sealed = measured.sealed
        axes.plot([sealed.coverage], [sealed.accuracy.value], "o", color=INK)
        axes.annotate(
            f"sealed threshold {sealed.threshold:.3f}",
            (sealed.coverage, sealed.accuracy.value),
            xytext=(-12, -4),
            textcoords="offset points",
            ha="right",
            va="top",
            color=INK,
        )
        low = min([point.accuracy.low for point in table], default=0.0)
        axes.set(xlim=(0, 1.01), ylim=(max(0.0, low - 0.05), 1.005))
        axes.set(xlabel="share of the pictures answered", ylabel="accuracy of those answers")
        return _svg(canvas, "Abstention curve: accuracy against the share of pictures answered")


def robustness_chart(curves: Sequence[Robustness]) -> Markup:
    """Draw one small panel per corruption, accuracy against strength."""
    columns = 4
    lines = -(-len(curves) // columns)
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(11, 2.5 * lines), layout="constrained")
        panels = canvas.subplots(lines, columns, sharey=True, squeeze=False).flatten()
        for axes, curve in zip(panels, curves, strict=False):
            places = list(range(len(curve.strengths) + 1))
            figures = [curve.clean, *(item.accuracy for item in curve.strengths)]
            axes.plot(places, [figure.value for figure in figures], color=ACCENT, linewidth=1.2)
            _points(axes, places, figures)
            ticks = ["none", *(f"{item.strength:g}" for item in curve.strengths)]
            axes.set_xticks(places, ticks)
            axes.set_title(curve.name, fontsize=10.5, color=INK, loc="left")
            axes.set_xlabel(curve.unit, fontsize=9)
            axes.set_ylim(0, 1)
        for axes in panels[len(curves) :]:
            axes.set_visible(False)
        return _svg(canvas, "Accuracy as pictures get worse, one panel per corruption", wide=True)


def slices_chart(parts: Sequence[Slice], overall: Estimate) -> Markup:
    """Draw the accuracy of every slice with its interval beside that of all pictures."""
    shown = [item for item in parts if item.accuracy is not None]
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(11, 0.9 + 0.27 * len(shown)), layout="constrained")
        axes = canvas.subplots()
        axes.axvspan(overall.low, overall.high, color=ACCENT, alpha=_PALE, linewidth=0)
        axes.axvline(overall.value, color=ACCENT, linewidth=0.8)
        for place, item in enumerate(shown):
            if item.accuracy is not None:
                figure = item.accuracy
                axes.plot([figure.low, figure.high], [place, place], color=ACCENT, linewidth=1.4)
                axes.plot([figure.value], [place], "o", color=ACCENT, markersize=5)
        titles = [f"{item.quality}, {item.part} (n = {item.n})" for item in shown]
        axes.set_yticks(range(len(shown)), titles, fontsize=9, color=INK)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("accuracy (band: all pictures)")
        return _svg(canvas, "Accuracy of parts of the pictures with 95 % intervals", wide=True)


def _points(axes: Any, x: Sequence[float], figures: Sequence[Estimate]) -> None:
    values = [figure.value for figure in figures]
    below = [max(0.0, figure.value - figure.low) for figure in figures]
    above = [max(0.0, figure.high - figure.value) for figure in figures]
    axes.errorbar(x, values, yerr=[below, above], fmt="o", color=ACCENT, markersize=4.5, capsize=2)


def _svg(canvas: Canvas, title: str, *, wide: bool = False) -> Markup:
    sink = io.StringIO()
    canvas.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inline_chart(sink.getvalue(), title, wide=wide)
