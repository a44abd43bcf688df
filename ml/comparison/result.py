"""What was measured of one network: one JSON file, one row of every table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from include.contracts.errors import ConfigurationError
from include.statistics.estimate import Estimate
from ml.files import written_whole

RESULT = "result.json"
FIGURES = ("accuracy", "macro_f1", "log_loss")
"""Figures of the test pictures that the tables show."""


@dataclass(frozen=True, slots=True)
class Result:
    """One network, trained and measured.

    Attributes:
        architecture: Its name in the zoo.
        fingerprint: Of the recipe and the pictures, see `ml.comparison.plan`.
        parameters: Numbers that training sets; moving averages of norms not counted.
        flops: Floating-point operations of one picture, forward.
        training_s: Seconds spent in training steps.
        epoch: Kept epoch (from 1): the one with the least validation log-loss.
        evaluation: All that was measured on test, as `ml.evaluation` writes it.
    """

    architecture: str
    fingerprint: str
    parameters: int
    flops: int
    training_s: float
    epoch: int
    evaluation: Mapping[str, Any]

    def figure(self, name: str) -> Estimate:
        """Return a figure of `FIGURES`."""
        return Estimate.from_json(self.evaluation["figures"][name])


def write_result(folder: Path, result: Result) -> None:
    """Write a network's result, whole or not at all."""
    write_whole(folder / RESULT, json.dumps(asdict(result), indent=1) + "\n")


def read_result(folder: Path, fingerprint: str) -> Result | None:
    """Return the result kept in a network's folder, None where there is none yet.

    Raises:
        ConfigurationError: The file is damaged, or of another recipe or other pictures.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        result = Result(**json.loads(path.read_text(encoding="utf-8")))
        for name in FIGURES:
            result.figure(name)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            "--out", f"{path} is damaged ({error}): delete it and the network is measured again"
        ) from error
    if result.fingerprint != fingerprint:
        raise ConfigurationError(
            "--out",
            f"{path} is of another recipe or other pictures than today's: delete {folder} to train "
            "it anew, or name another folder",
        )
    return result


def write_whole(path: Path, text: str) -> None:
    """Write a text file; a reader sees the old one or the new one, never half."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
