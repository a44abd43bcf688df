"""The comparison as one picture: accuracy against latency, bubbles as large as networks."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

from include.pages.charts import DIM, INK, LINE, STYLE
from include.pages.tokens import EXPRESSIONS_LIGHT
from ml.comparison.report import Comparison
from ml.comparison.result import Result
from ml.models.zoo import ARCHITECTURES

_FAMILIES = {
    "cnn": ("plain CNN", EXPRESSIONS_LIGHT["sadness"]),
    "vgg": ("VGG", EXPRESSIONS_LIGHT["fear"]),
    "resnet": ("residual", EXPRESSIONS_LIGHT["happiness"]),
    "mobile": ("depthwise", EXPRESSIONS_LIGHT["disgust"]),
}
"""Words and colour by family: four of the colours that are told apart without colour vision. Every
bubble also carries its name."""

_WIDTH_IN, _HEIGHT_IN = 10.6, 6.2
_POINTS_PER_SQRT_MILLION = 7.5
_SMALLEST_POINTS = 5.0
_LABEL_HEIGHT_POINTS, _LETTER_POINTS = 13.0, 5.6


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle in points of the drawing."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: _Box) -> float:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place for a name: its box, offset from the bubble's centre, alignment."""

    box: _Box
    offset: tuple[float, float]
    horizontal: str


@dataclass(frozen=True, slots=True)
class _Point:
    """A bubble: place and interval in the data's units, `radius` in points."""

    x: float
    y: float
    low: float
    high: float
    radius: float
    title: str
    colour: str


def as_svg(comparison: Comparison, *, batch: int = 1) -> str:
    """Return the picture as SVG text, or an empty text where nothing has a latency yet.

    Horizontal: median milliseconds at `batch` on one thread, logarithmic. Vertical:
    accuracy on test with its interval. The area of a bubble is in proportion to the
    parameters, from 300,000 on.
    """
    shown = [r for r in comparison.results if batch in comparison.latency.get(r.architecture, {})]
    if not shown:
        return ""
    # Matplotlib's object interface: no window system, no state between pictures.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
        axes = figure.add_subplot()
        _prepare(axes, batch)
        points = [_point(comparison, result, batch) for result in shown]
        for point in points:
            _draw(axes, point)
        _draw_majority(axes, comparison, points)
        _legend(axes)
        # Fixed now, so that labels can be laid out in points.
        figure.draw_without_rendering()
        _label(axes, points)
        sink = io.StringIO()
        figure.savefig(sink, format="svg", metadata={"Date": None}, transparent=True)
    return sink.getvalue()


def describe(comparison: Comparison, *, batch: int = 1) -> str:
    """Return the picture in words, for those who cannot see it."""
    told = [
        f"{ARCHITECTURES[r.architecture].title} {r.figure('accuracy').value:.3f} at "
        f"{comparison.latency[r.architecture][batch].median_ms:.1f} ms"
        for r in comparison.results
        if batch in comparison.latency.get(r.architecture, {})
    ]
    return f"Accuracy against latency at batch {batch}: " + "; ".join(told) + "."


def _diameter_points(parameters: int) -> float:
    return max(_SMALLEST_POINTS, _POINTS_PER_SQRT_MILLION * math.sqrt(parameters / 1e6))


def _point(comparison: Comparison, result: Result, batch: int) -> _Point:
    accuracy, of = result.figure("accuracy"), ARCHITECTURES[result.architecture]
    return _Point(
        x=comparison.latency[result.architecture][batch].median_ms,
        y=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        radius=_diameter_points(result.parameters) / 2,
        title=of.title,
        colour=_FAMILIES[of.family][1],
    )


def _draw(axes: Any, point: _Point) -> None:
    colour = point.colour
    axes.plot([point.x] * 2, [point.low, point.high], color=colour, linewidth=1.2, zorder=2)
    axes.scatter(
        [point.x], [point.y], s=(2 * point.radius) ** 2, facecolor=(colour, 0.55),
        edgecolor=colour, linewidth=1.2, zorder=3,
    )  # fmt: skip


def _prepare(axes: Any, batch: int) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.margins(0.16, 0.14)
    axes.set_xlabel(f"Milliseconds at batch {batch}, one CPU thread (logarithmic)", color=INK)
    axes.set_ylabel("Accuracy on test, with 95 % interval", color=INK)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(colors=DIM)
    axes.grid(visible=True, which="major", color=LINE, linewidth=0.8, zorder=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)


def _draw_majority(axes: Any, comparison: Comparison, points: list[_Point]) -> None:
    """Draw what always answering the commonest class is worth, where that is near enough.

    Far under the networks it would only press them together; the page's text says it.
    """
    share = comparison.counts.majority_share
    low, high = min(p.low for p in points), max(p.high for p in points)
    if share < low - (high - low):
        return
    axes.axhline(share, color=DIM, linewidth=1, linestyle=(0, (4, 4)), zorder=1)
    axes.annotate(
        f"always answering {comparison.counts.majority}", (0, share),
        xycoords=("axes fraction", "data"), xytext=(6, 4), textcoords="offset points",
        color=DIM, fontsize=9,
    )  # fmt: skip


def _legend(axes: Any) -> None:
    from matplotlib.lines import Line2D

    def bubble(label: str, colour: str, parameters: int) -> Line2D:
        return Line2D(
            [], [], linestyle="none", marker="o", markersize=_diameter_points(parameters),
            markerfacecolor=(colour, 0.55), markeredgecolor=colour, label=label,
        )  # fmt: skip

    look = {"frameon": False, "labelcolor": INK, "fontsize": 9, "borderaxespad": 0}
    families = [bubble(words, colour, 1_000_000) for words, colour in _FAMILIES.values()]
    sizes = [bubble(f"{n} million", DIM, n * 1_000_000) for n in (1, 5, 20)]
    first = axes.legend(
        handles=families, loc="center left", bbox_to_anchor=(0, -0.17), ncols=4, **look
    )
    axes.add_artist(first)
    axes.legend(
        handles=sizes, loc="center right", bbox_to_anchor=(1, -0.17), ncols=3,
        handlelength=4, columnspacing=1, borderpad=1.2, title="parameters",
        title_fontsize=9, **look,
    )  # fmt: skip


def _label(axes: Any, points: list[_Point]) -> None:
    """Write each name where it covers the least of bubbles, whiskers and other names."""
    scale = 72 / axes.figure.dpi

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = axes.transData.transform((x, y)) * scale
        return float(across), float(up)

    frame = axes.get_window_extent()
    inside = _Box(frame.x0 * scale, frame.y0 * scale, frame.x1 * scale, frame.y1 * scale)
    taken = [
        _Box(box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale)
        for box in (text.get_window_extent() for text in axes.texts)
    ]
    for point in points:
        x, y = place(point.x, point.y)
        taken.append(_Box(x - point.radius, y - point.radius, x + point.radius, y + point.radius))
        taken.append(
            _Box(x - 1, place(point.x, point.low)[1], x + 1, place(point.x, point.high)[1])
        )
    for point in points:
        width = _LETTER_POINTS * len(point.title)
        choices = _spots(place(point.x, point.y), point.radius, width)
        best = min(choices, key=lambda spot: _covered(spot.box, inside, taken))
        taken.append(best.box)
        axes.annotate(
            point.title, (point.x, point.y), xytext=best.offset, textcoords="offset points",
            ha=best.horizontal, va="center", color=INK, fontsize=10,
            fontweight="bold", zorder=4,
        )  # fmt: skip


def _covered(box: _Box, inside: _Box, taken: list[_Box]) -> float:
    area = (box.right - box.left) * (box.top - box.bottom)
    return area - box.overlap(inside) + sum(box.overlap(other) for other in taken)


def _spots(centre: tuple[float, float], radius: float, width: float) -> list[_Spot]:
    """Return where a name may stand beside, above or below its bubble, the best first."""
    x, y = centre
    half = _LABEL_HEIGHT_POINTS / 2
    gap = radius + 4
    spots = []
    for rise in (0.0, gap, -gap, 2 * half, -2 * half, gap + 2 * half, -gap - 2 * half):
        low, high = y + rise - half, y + rise + half
        spots += [
            _Spot(_Box(x + gap, low, x + gap + width, high), (gap, rise), "left"),
            _Spot(_Box(x - gap - width, low, x - gap, high), (-gap, rise), "right"),
        ]
    for rise in (gap + half, -gap - half):
        box = _Box(x - width / 2, y + rise - half, x + width / 2, y + rise + half)
        spots.append(_Spot(box, (0.0, rise), "center"))
    return spots
