"""The simulation of coverage: its kept figures are those of today's cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulations.coverage import Case, cases, measure

KEPT = Path(__file__).parents[3] / "benchmarks" / "results" / "coverage.json"


def test_what_is_kept_is_of_the_cases_there_are() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert [(one["interval"], one["sample"]) for one in kept] == [
        (case.interval, case.sample) for case in cases()
    ]
    assert all(0 <= one["held"] <= one["trials"] >= 500 for one in kept)


def test_an_interval_is_counted_as_often_as_it_holds() -> None:
    coin = Case("coin", "fair", lambda rng: bool(rng.random() < 0.5))
    assert measure(coin, 400, 1).held == pytest.approx(200, abs=50)
    assert measure(coin, 400, 1) == measure(coin, 400, 1)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["share, exact", "sup-t band", "share, people"])
def test_intervals_hold_the_truth_most_of_the_time(kind: str) -> None:
    case = next(case for case in cases() if case.interval == kind)
    rng = np.random.default_rng(0)
    assert sum(case.trial(rng) for _ in range(40)) >= 34
