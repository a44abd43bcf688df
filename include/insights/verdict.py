"""A verdict on a recording, and a rule that speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Worst last."""

    GOOD = "good"
    CARE = "usable with care"
    NOT_USABLE = "not usable"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule applied: what was found and what it means for the reader."""

    name: str
    verdict: Verdict
    sentence: str

    def to_json(self) -> dict[str, str]:
        """Plain strings."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
        }
