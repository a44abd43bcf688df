"""Charts of the report, drawn by Matplotlib as parts of its page.

Colour never stands alone: every bar, curve and cell has its name or number beside it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from include.contracts.labels import EXPRESSIONS
from include.pages.charts import ACCENT, INK, LINE, STYLE, inline_chart
from include.pages.tokens import EXPRESSIONS_LIGHT, LIGHT
from include.statistics.estimate import Estimate
from ml.data.eda.balance import Balance
from ml.data.eda.quality import Measure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_WHOLE_IN, _HALF_IN = 10.6, 5.1
_PANEL = LIGHT["panel"]
_styled = mpl.rc_context({**STYLE, "ytick.color": INK})


@_styled
def class_bars(counts: Ints, alt: str) -> Markup:
    """Draw pictures per expression, counts of shape (7,), largest first."""
    order = np.argsort(counts)
    figure, (axes,) = _canvas(_WHOLE_IN, 2.9, 1)
    axes.barh(
        range(7),
        counts[order],
        color=[EXPRESSIONS_LIGHT[EXPRESSIONS[i]] for i in order],
        height=0.68,
    )
    for line, code in enumerate(order):
        share = counts[code] / max(1, counts.sum())
        end = counts[code] + counts.max() * 0.008
        axes.text(end, line, f"{counts[code]:,} · {share:.1%}", va="center", fontsize=10)
    axes.set_yticks(range(7), [EXPRESSIONS[i] for i in order])
    axes.set_xlim(0, counts.max() * 1.14)
    axes.xaxis.set_visible(False)
    return _drawn(figure, alt)


@_styled
def balance_bars(options: Sequence[Balance], alt: str) -> Markup:
    """Draw the pictures of each expression in an epoch under each option, side by side."""
    figure, panels = _canvas(_WHOLE_IN, 3.1, len(options), sharey=True)
    colours = [EXPRESSIONS_LIGHT[name] for name in EXPRESSIONS]
    limit = max(float(option.total.max()) for option in options) * 1.32
    for axes, option in zip(panels, options, strict=True):
        axes.barh(range(7), option.real, color=colours, height=0.68)
        axes.barh(
            range(7), option.repeated, left=option.real, color=colours, alpha=0.4, height=0.68
        )
        axes.barh(
            range(7), option.synthetic, left=option.real, color=_PANEL, height=0.66,
            edgecolor=colours, hatch="////", linewidth=0.8,
        )  # fmt: skip
        for code, total in enumerate(option.total):
            axes.text(total + limit * 0.02, code, f"{total:,.0f}", va="center", fontsize=9)
        axes.set_title(option.title, fontsize=10.5, loc="left", color=INK, fontweight="bold")
        axes.set_xlim(0, limit)
        axes.xaxis.set_visible(False)
    panels[0].set_yticks(range(7), EXPRESSIONS)
    panels[0].invert_yaxis()
    return _drawn(figure, alt)


@_styled
def agreement_histogram(shares: Floats, alt: str) -> Markup:
    """Draw how often the majority got which share of the votes."""
    figure, (axes,) = _canvas(_HALF_IN, 3.0, 1)
    # Bins around the tenths: with ten annotators shares are tenths.
    tenths = np.bincount(np.clip(np.rint(10 * shares).astype(int), 2, 10), minlength=11)[2:]
    part = tenths / tenths.sum()
    axes.bar(range(9), part, width=0.86, color=ACCENT)
    for column, value in enumerate(part):
        axes.text(column, value, f"{value:.1%}", ha="center", va="bottom", fontsize=9)
    axes.set_xticks(range(9), ["20% or less", *(f"{tenth}0%" for tenth in range(3, 11))])
    axes.tick_params(axis="x", labelsize=8.5)
    axes.set_xlabel("share of a picture's votes for its majority label")
    axes.yaxis.set_visible(False)
    axes.set_ylim(0, part.max() * 1.12)
    return _drawn(figure, alt)


@_styled
def agreement_by_class(estimates: Sequence[Estimate | None], alt: str) -> Markup:
    """Draw the mean share of the majority by expression, with 95 % intervals."""
    figure, (axes,) = _canvas(_HALF_IN, 3.0, 1)
    for code, found in enumerate(estimates):
        if found is None:
            continue
        colour = EXPRESSIONS_LIGHT[EXPRESSIONS[code]]
        axes.plot([found.low, found.high], [code, code], color=colour, lw=4, alpha=0.45)
        axes.plot(found.value, code, "o", color=colour, ms=8)
        axes.text(found.high + 0.015, code, f"{found.value:.1%}", va="center", fontsize=9.5)
    axes.set_yticks(range(7), EXPRESSIONS)
    axes.set_ylim(6.6, -0.6)
    axes.set_xlim(0.4, 1.06)
    axes.set_xticks(np.arange(0.4, 1.01, 0.1), [f"{x:.0%}" for x in np.arange(0.4, 1.01, 0.1)])
    axes.grid(axis="x", color=LINE)
    axes.set_xlabel("mean share of the votes for the majority label")
    return _drawn(figure, alt)


@_styled
def quality_ridges(found: Sequence[Measure], labels: Ints, alt: str) -> Markup:
    """Draw the distribution of each measure by expression, labels of shape (N,)."""
    figure, panels = _canvas(_WHOLE_IN, 3.7, len(found), sharey=True)
    for axes, measure in zip(panels, found, strict=True):
        low, high = np.percentile(measure.values, (0.2, 99.8))
        edges = np.linspace(low, max(high, low + 1e-6), 61)
        centres = (edges[:-1] + edges[1:]) / 2
        for code, name in enumerate(EXPRESSIONS):
            values = measure.values[labels == code]
            if not len(values):
                continue
            density = np.histogram(values, edges)[0] / len(values)
            smooth = np.convolve(density, np.hanning(7) / np.hanning(7).sum(), mode="same")
            top = code - 0.92 * smooth / max(smooth.max(), 1e-9)
            axes.fill_between(centres, code, top, color=EXPRESSIONS_LIGHT[name], alpha=0.55, lw=0)
            axes.plot(centres, top, color=EXPRESSIONS_LIGHT[name], lw=1.2)
            middle = float(np.median(values))
            axes.plot([middle, middle], [code, code - 0.5], color=INK, lw=1.2)
        axes.set_title(measure.title, fontsize=10.5, loc="left", color=INK, fontweight="bold")
        axes.set_xlabel(measure.unit, fontsize=9)
        axes.grid(axis="x", color=LINE)
    panels[0].set_yticks(range(7), EXPRESSIONS)
    panels[0].set_ylim(6.15, -1.05)
    return _drawn(figure, alt)


def _canvas(
    width_in: float, height_in: float, columns: int, *, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    panels = figure.subplots(1, columns, sharey=sharey, squeeze=False)[0]
    for axes in panels:
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return figure, list(panels)


def _drawn(figure: Figure, alt: str) -> Markup:
    sink = io.StringIO()
    figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None})
    return inline_chart(sink.getvalue(), alt, wide=figure.get_figwidth() >= _WHOLE_IN)
