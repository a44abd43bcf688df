"""Estimates as people read them: the value, and its 95 % interval in brackets.

In tables the head says what the brackets are; in sentences `said` puts it in.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from include.statistics.estimate import Estimate

NOTHING = "–"
"""Where there is no figure."""
_SAID = "95 % interval "


def number(estimate: Estimate | None, digits: int = 2, *, said: bool = False) -> str:
    """Return `0.61 (0.52 to 0.70)`, without brackets where there is no interval."""
    return _text(estimate, lambda value: plain(value, digits), said=said)


def span(estimate: Estimate | None, digits: int = 3) -> str:
    """Return `0.52 to 0.70`, the interval alone for a column of its own; a dash for none."""
    if estimate is None or not estimate.has_interval:
        return NOTHING
    return f"{plain(estimate.low, digits)} to {plain(estimate.high, digits)}"


def difference(estimate: Estimate | None, digits: int = 3) -> str:
    """Return `+0.012 (-0.004 to +0.028)`."""
    return _text(estimate, lambda value: signed(value, digits))


def share(estimate: Estimate | None, digits: int = 1, *, said: bool = False) -> str:
    """Return `61.3 % (52.0 to 70.1)` of a share from 0 to 1."""
    return _text(estimate, lambda value: plain(100 * value, digits), unit=" %", said=said)


def points(estimate: Estimate | None, *, said: bool = False) -> str:
    """Return `+1.2 (-0.4 to +2.8)` of a difference of shares in percentage points.

    In a sentence it is `+1.2 points (95 % interval -0.4 to +2.8)`.
    """
    unit = " points" if said else ""
    return _text(estimate, lambda value: signed(100 * value), unit=unit, said=said)


def plain(value: float | None, digits: int = 3) -> str:
    """Return a number; a dash where it is not defined, never a negative zero."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{round(value, digits) + 0.0:.{digits}f}"  # adding 0 turns -0.0 into 0.0


def signed(value: float, digits: int = 1) -> str:
    """Return a number with its sign; zero has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def _text(
    estimate: Estimate | None,
    words: Callable[[float], str],
    *,
    unit: str = "",
    said: bool = False,
) -> str:
    if estimate is None or not estimate.is_defined:
        return NOTHING
    text = f"{words(estimate.value)}{unit}"
    if not estimate.has_interval:
        return text
    lead = _SAID if said else ""
    return f"{text} ({lead}{words(estimate.low)} to {words(estimate.high)})"


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 as `61 %`; a small one is never nothing, nor most all."""
    if share is None:
        return NOTHING
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{share * 100:.0f} %"
