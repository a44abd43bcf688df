"""Where the parts of a small chart of daily means stand; the page draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320.0, 96.0
"""Of a chart, in its own units."""
LEFT, RIGHT, TOP, BOTTOM = 46.0, WIDTH - 6.0, 8.0, HEIGHT - 20.0
"""Ends of the plot within it."""

Point = tuple[float, float]


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


@dataclass(frozen=True, slots=True)
class Placed:
    """A chart; places in its units, x to the right and y downwards.

    Attributes:
        says: The same in words.
        week: Where the judged week begins; it ends at `RIGHT`.
        band: Top and bottom of the reference's band; None without a reference.
        runs: Neighbouring days, joined by a line; a day without a value leaves a gap.
        dots: The mean of each day that has one.
        ticks: (y, text) of the axis.
        first_day, last_day: Ends of the axis, as text.
    """

    says: str
    week: float
    band: tuple[float, float] | None
    runs: Sequence[Sequence[Point]]
    dots: Sequence[Point]
    ticks: Sequence[tuple[float, str]]
    first_day: str
    last_day: str


def place(trend: Trend) -> Placed | None:
    """Return a chart; None where no day has a value."""
    finite = [value for value in trend.values if math.isfinite(value)]
    if not finite:
        return None
    low, high = _limits(finite + list(trend.band or ()))
    step = (RIGHT - LEFT) / len(trend.values)

    def across(index: float) -> float:
        return LEFT + step * (index + 0.5)

    def down(value: float) -> float:
        return BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP)

    runs: list[list[Point]] = [[]]
    for index, value in enumerate(trend.values):
        if math.isfinite(value):
            runs[-1].append((across(index), down(value)))
        elif runs[-1]:
            runs.append([])
    levels = (low + (high - low) * share for share in (0.12, 0.88))
    return Placed(
        says=(
            f"{trend.label}: daily mean from {trend.first_day} to {trend.last_day}, "
            f"last {finite[-1]:.{trend.digits}f}"
        ),
        week=across(len(trend.values) - trend.current_days - 0.5),
        band=None if trend.band is None else (down(trend.band[1]), down(trend.band[0])),
        runs=[run for run in runs if len(run) > 1],
        dots=[point for run in runs for point in run],
        ticks=[(down(level), f"{level:.{trend.digits}f}") for level in levels],
        first_day=trend.first_day,
        last_day=trend.last_day,
    )


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1.0) * 0.12
    return low - margin, high + margin
