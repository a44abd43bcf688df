"""CPU time of extraction, this build beside another, in turn on the same recordings."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from include.contracts.errors import PlatformError
from include.statistics import words
from include.statistics.bootstrap import Bootstrap
from include.statistics.estimate import Estimate

_ONCE = Path(__file__).with_name("extract_once.py")
_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Cost:
    """Median CPU seconds of extracting one recording, by this build and by the other."""

    name: str
    this_s: float
    other_s: float

    @property
    def ratio(self) -> float:
        """This build's cost in the other's."""
        return self.this_s / self.other_s


def compare(
    this: Path,
    other: Path,
    recordings: Sequence[Path],
    *,
    rounds: int,
    tell: Callable[[str], None],
) -> list[Cost]:
    """Measure both builds on each recording, `rounds` times in turn, the first one alternating.

    Raises:
        PlatformError: A build failed on a recording.
    """
    spent: dict[tuple[Path, str], list[float]] = defaultdict(list)
    for number in range(rounds):
        for path in recordings:
            for build in (this, other) if number % 2 else (other, this):
                spent[build, path.name].append(_extract_s(build, path))
        tell(f"round {number + 1} of {rounds} measured")
    return [
        Cost(
            path.name,
            statistics.median(spent[this, path.name]),
            statistics.median(spent[other, path.name]),
        )
        for path in recordings
    ]


def ratio_of(costs: Sequence[Cost]) -> Estimate:
    """Return the ratio of the summed costs with its 95 % bootstrap interval over recordings."""
    this_s, other_s = np.array([(cost.this_s, cost.other_s) for cost in costs]).T
    return Bootstrap(len(costs), resamples=_DRAWS).mean(this_s / other_s, other_s)


def cost_table(costs: Sequence[Cost], rounds: int) -> Table:
    """Return a line for each recording and one for all."""
    table = Table(title=f"CPU seconds of extraction, median of {rounds}, child and parent")
    for column in ("recording", "this build", "the other", "ratio"):
        table.add_column(column, justify="left" if column == "recording" else "right")
    for cost in costs:
        table.add_row(cost.name, f"{cost.this_s:.2f}", f"{cost.other_s:.2f}", f"{cost.ratio:.3f}")
    table.add_section()
    table.add_row(
        f"all {len(costs)}",
        f"{sum(cost.this_s for cost in costs):.2f}",
        f"{sum(cost.other_s for cost in costs):.2f}",
        words.number(ratio_of(costs), 3),
    )
    return table


def _extract_s(build: Path, path: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-P", str(_ONCE), str(path.resolve())],
        cwd=build,
        env={**os.environ, "PYTHONPATH": str(build.resolve()), "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PlatformError(f"{build} cannot extract {path}: {done.stderr.strip()[-2000:]}")
    return float(json.loads(done.stdout)["cpu_s"])
