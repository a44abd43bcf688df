"""What a figure of the platform is, and where figures go.

The names of units are CloudWatch's (`MetricDatum.Unit`), so that nothing has to be
translated where they are shown. Limits are CloudWatch's too and hold everywhere: what
the embedded platform takes, AWS takes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from include.contracts.documents import Form

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_TEXT = re.compile(r"[ -~]{1,255}")
_MAX_DIMENSIONS = 10
_NO_DIMENSIONS: Mapping[str, str] = MappingProxyType({})


class Unit(StrEnum):
    """What a value counts."""

    COUNT = "Count"
    SECONDS = "Seconds"
    BYTES = "Bytes"
    PERCENT = "Percent"
    NONE = "None"
    """Shares in 0..1, effect sizes, money: the metric's name and dimensions say what."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure at one time.

    Attributes:
        name: CamelCase, ASCII letters and digits, such as `QueueDepth`.
        value: Finite.
        unit: What it counts.
        at: Aware time; kept in UTC.
        dimensions: What the figure is of, at most ten, such as `{"Reason": "truncated"}`;
            names as `name`, values of 1 to 255 printable ASCII characters. Few different
            values each: every combination is a series that is stored and paid for.
        adds_up: The value is an amount since the last one (failures of a batch), so that
            values are summed over time; otherwise it is a level (the depth of a queue).

    Raises:
        ValueError: A part is not as described.
    """

    name: str
    value: float
    unit: Unit
    at: datetime
    dimensions: Mapping[str, str] = field(default_factory=lambda: _NO_DIMENSIONS)
    adds_up: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a metric: letters and digits, CamelCase")
        if not math.isfinite(self.value):
            raise ValueError(f"{self.name} is {self.value}: only finite values can be emitted")
        if self.at.tzinfo is None:
            raise ValueError(f"{self.name} needs an aware time")
        if len(self.dimensions) > _MAX_DIMENSIONS:
            raise ValueError(f"{self.name} has more than {_MAX_DIMENSIONS} dimensions")
        for key, value in self.dimensions.items():
            if not _NAME.fullmatch(key) or not _TEXT.fullmatch(value) or not value.strip():
                raise ValueError(f"{self.name}: {key!r}={value!r} is no dimension")
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "unit", Unit(self.unit))
        object.__setattr__(self, "at", self.at.astimezone(UTC))
        object.__setattr__(self, "dimensions", MappingProxyType(dict(self.dimensions)))


METRIC = Form(Metric)


class MetricSink(Protocol):
    """Where figures go."""

    def emit(self, metrics: Sequence[Metric]) -> None:
        """Hand over figures; none is a no-op.

        Figures may arrive twice when a task is repeated: readers of counts sum
        what one task emitted by its time, which is the same each time.

        Raises:
            TransientError: They could not be handed over for now; some may have been.
            ConfigurationError: A setting is wrong; the message names it.
        """


class Fanout:
    """Several sinks as one: each gets everything, also when one before it fails."""

    def __init__(self, sinks: Sequence[MetricSink]) -> None:
        self._sinks = tuple(sinks)

    def emit(self, metrics: Sequence[Metric]) -> None:
        """Emit to each sink, then raise the first fault there was. See `MetricSink.emit`."""
        first: Exception | None = None
        for sink in self._sinks:
            try:
                sink.emit(metrics)
            except Exception as error:  # noqa: BLE001 - raised below, after the others had theirs
                first = first or error
        if first is not None:
            raise first
