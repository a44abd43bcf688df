"""Figures as pages print them: filters of every template, on the words of `include.statistics`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from include.statistics import words
from include.statistics.estimate import Estimate

Figure = Estimate | Mapping[str, Any] | None
"""An estimate, or its JSON as documents keep it; None where there is none."""


def number(figure: Figure, digits: int = 2) -> str:
    """Return `0.61 (0.52 to 0.70)`: a figure with its 95 % interval; a dash for none."""
    return words.number(_estimate(figure), digits)


def share(figure: Figure) -> str:
    """Return `61.3 % (52.0 to 70.1)`; a dash for none."""
    return words.share(_estimate(figure))


def points(figure: Figure) -> str:
    """Return `+1.2 (-0.4 to +2.8)` of a difference of shares; a dash for none."""
    return words.points(_estimate(figure))


def span(figure: Figure, digits: int = 3) -> str:
    """Return `0.52 to 0.70`, the interval alone; a dash for none."""
    return words.span(_estimate(figure), digits)


def count(value: int) -> str:
    """Return `12,345`."""
    return f"{value:,}"


def moment(iso: str) -> str:
    """Return `2026-11-02 10:00 UTC` of an aware ISO 8601 time."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def sentence(text: str) -> str:
    """Return a text with its first letter upright, the others as they are."""
    return text[:1].upper() + text[1:]


def _estimate(figure: Figure) -> Estimate | None:
    return Estimate.from_json(figure) if isinstance(figure, Mapping) else figure


FILTERS: Mapping[str, Callable[..., str]] = {
    "figure": number,
    "share": share,
    "points": points,
    "span": span,
    "plain": words.plain,
    "percent": words.percent,
    "count": count,
    "moment": moment,
    "sentence": sentence,
}
"""By the name they have in templates."""
