"""Small charts of daily means as inline SVG: no script, no request, readable in black and white."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 320, 92
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 6, 8, 18


@dataclass(frozen=True, slots=True)
class Trend:
    """What one chart shows.

    Attributes:
        label: Name for people and screen readers.
        values: Mean of each day, the oldest first; NaN where there was no recording.
        current_days: The last so many days are the judged week.
        band: Mean minus and plus one standard deviation of the reference's recordings;
            None without a reference.
        first_day, last_day: Ends of the axis, as text.
        digits: Decimals of the axis.
    """

    label: str
    values: Sequence[float]
    current_days: int
    band: tuple[float, float] | None
    first_day: str
    last_day: str
    digits: int


def draw(trend: Trend) -> Markup:
    """Draw a chart; only the label where no day has a value."""
    finite = [value for value in trend.values if math.isfinite(value)]
    if not finite:
        return Markup('<p class="dim">No recording has this figure.</p>')
    low, high = _limits(finite + list(trend.band or ()))
    scale = _Scale(low, high, len(trend.values))
    parts = [_week(trend, scale), _band(trend, scale), *_lines(trend, scale)]
    parts += [_dot(scale, i, v) for i, v in enumerate(trend.values) if math.isfinite(v)]
    parts += _axis(trend, scale)
    words = (
        f"{trend.label}: daily mean from {trend.first_day} to {trend.last_day}, "
        f"last {finite[-1]:.{trend.digits}f}"
    )
    return Markup(
        '<svg class="trend" viewBox="0 0 {w} {h}" role="img" aria-label="{words}">{parts}</svg>'
    ).format(w=WIDTH, h=HEIGHT, words=words, parts=Markup("").join(parts))


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    days: int

    def x(self, index: float) -> float:
        step = (WIDTH - _LEFT - _RIGHT) / max(1, self.days)
        return round(_LEFT + step * (index + 0.5), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1.0) * 0.12
    return low - margin, high + margin


def _week(trend: Trend, scale: _Scale) -> Markup:
    left = scale.x(len(trend.values) - trend.current_days - 0.5)
    return Markup('<rect class="week" x="{x}" y="{y}" width="{w}" height="{h}"/>').format(
        x=left, y=_TOP, w=round(WIDTH - _RIGHT - left, 1), h=HEIGHT - _TOP - _BOTTOM
    )


def _band(trend: Trend, scale: _Scale) -> Markup:
    if trend.band is None:
        return Markup("")
    bottom, top = (scale.y(value) for value in trend.band)
    return Markup('<rect class="band" x="{x}" y="{y}" width="{w}" height="{h}"/>').format(
        x=_LEFT, y=top, w=WIDTH - _LEFT - _RIGHT, h=round(bottom - top, 1)
    )


def _lines(trend: Trend, scale: _Scale) -> list[Markup]:
    """Neighbouring days are joined; a day without a value leaves a gap."""
    runs: list[list[str]] = [[]]
    for index, value in enumerate(trend.values):
        if math.isfinite(value):
            runs[-1].append(f"{scale.x(index)},{scale.y(value)}")
        elif runs[-1]:
            runs.append([])
    return [
        Markup('<polyline class="line" points="{points}"/>').format(points=" ".join(run))
        for run in runs
        if len(run) > 1
    ]


def _dot(scale: _Scale, index: int, value: float) -> Markup:
    return Markup('<circle class="dot" cx="{x}" cy="{y}" r="2"/>').format(
        x=scale.x(index), y=scale.y(value)
    )


def _axis(trend: Trend, scale: _Scale) -> list[Markup]:
    text = Markup('<text x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>')
    ticks = [
        text.format(
            x=_LEFT - 6, y=scale.y(value) + 4, anchor="end", words=f"{value:.{trend.digits}f}"
        )
        for value in (scale.low + (scale.high - scale.low) * share for share in (0.12, 0.88))
    ]
    return [
        *ticks,
        text.format(x=_LEFT, y=HEIGHT - 4, anchor="start", words=trend.first_day),
        text.format(x=WIDTH - _RIGHT, y=HEIGHT - 4, anchor="end", words=trend.last_day),
    ]
