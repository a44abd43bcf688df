"""Reading a comparison back from the JSON it was kept as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.governance.release.compare import Compared, Speed
from include.statistics.estimate import Estimate
from ml.evaluation.compare import Standing

_FIGURES = (
    "answered",
    "accuracy",
    "macro_f1",
    "ece",
    "accuracy_less_first",
    "macro_f1_less_first",
)


def read_compared(content: Mapping[str, Any]) -> Compared:
    """Read what `Compared.to_json` returned."""
    return Compared(
        content["name"],
        content["n"],
        _standing(content["champion"]),
        _standing(content["challenger"]),
    )


def read_speed(content: Mapping[str, float]) -> Speed:
    """Read what `Speed.to_json` returned."""
    return Speed(content["champion_ms"], content["challenger_ms"])


def _standing(content: Mapping[str, Any]) -> Standing:
    figures = {
        name: None if content[name] is None else Estimate.from_json(content[name])
        for name in _FIGURES
    }
    return Standing(model=content["model"], p_value=content["p_value"], **figures)  # type: ignore[arg-type]
