"""What an audit holds against a group. The defaults were chosen by simulation (decision 0015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from include.contracts.errors import ConfigurationError
from include.statistics.multiplicity import Method


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Thresholds and numbers of an audit.

    Attributes:
        minimum_people: Figures that rest on fewer people are printed as insufficient.
        confidence: Of every interval, 0..1.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
        four_fifths: Least ratio of a group's favourable rate to everybody else's.
        tolerated_gap: Largest gap of figures that have no favourable rate, 0..1.
        level: Of the tests over the whole family of comparisons in a panel.
        multiplicity: `holm` (family-wise error) or `bh` (false-discovery rate).
        intersections: Largest number of attributes crossed.
    """

    minimum_people: int = 120
    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 20261
    four_fifths: float = 0.8
    tolerated_gap: float = 0.15
    level: float = 0.05
    multiplicity: Method = "holm"
    intersections: int = 2

    def __post_init__(self) -> None:
        """Refuse values that would make a verdict meaningless."""
        for name in ("minimum_people", "resamples", "intersections"):
            if getattr(self, name) < 1:
                raise ConfigurationError(name, "must be 1 or more")
        for name in ("confidence", "four_fifths", "tolerated_gap", "level"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigurationError(name, "must lie between 0 and 1")
        if self.multiplicity not in get_args(Method):
            raise ConfigurationError("multiplicity", "must be holm or bh")
