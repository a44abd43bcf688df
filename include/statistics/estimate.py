"""A figure that rests on a sample, with its interval. Imports nothing that is slow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEVEL = 0.95
"""Of every interval, unless it says otherwise."""
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval.

    Attributes:
        value: NaN where nothing defines it.
        low: Lower end; NaN where there is no interval.
        high: Upper end; NaN where there is no interval.
        n: How many independent things it rests on: pictures, people, recordings.
    """

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def undefined(cls, n: int = 0) -> Estimate:
        """Return the estimate of what nothing defines."""
        return cls(math.nan, math.nan, math.nan, n)

    @classmethod
    def without_interval(cls, value: float, n: int) -> Estimate:
        """Return a value of which the sample does not say how sure it is."""
        return cls(value, math.nan, math.nan, n)

    @property
    def is_defined(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def excludes(self, value: float) -> bool:
        """Whether the interval says that the figure is not `value`."""
        return self.has_interval and not self.low <= value <= self.high

    def rounded(self) -> Estimate:
        """Return it as `to_json` says it: to five decimals."""
        return Estimate.from_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return plain values, rounded to five decimals; NaN becomes null."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        plain = {
            name: round(float(end), _DIGITS) if math.isfinite(end) else None
            for name, end in ends.items()
        }
        return {**plain, "n": self.n}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Estimate:
        """Read what `to_json` returned; null becomes NaN.

        Raises:
            KeyError: A part is missing.
        """
        value, low, high = (
            math.nan if content[name] is None else float(content[name])
            for name in ("value", "low", "high")
        )
        return cls(value, low, high, int(content["n"]))
