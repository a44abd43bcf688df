"""One of several models on the same pictures, held to the first of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from include.statistics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Standing:
    """One model on the common pictures.

    Attributes:
        model: Its name.
        answered: Share of the pictures it answered at all.
        accuracy: Over all pictures, no answer being wrong.
        macro_f1: Likewise.
        ece: Calibration error of the answers given.
        accuracy_less_first: Its accuracy less that of the first model, paired.
        macro_f1_less_first: Likewise.
        p_value: McNemar's exact test against the first model; None for the first.
    """

    model: str
    answered: Estimate
    accuracy: Estimate
    macro_f1: Estimate
    ece: Estimate
    accuracy_less_first: Estimate | None
    macro_f1_less_first: Estimate | None
    p_value: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        document: dict[str, Any] = {"model": self.model, "p_value": self.p_value}
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, Estimate) or (value is None and name != "p_value"):
                document[name] = value.to_json() if value else None
        return document
