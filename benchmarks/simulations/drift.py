"""Measure the monitor on made-up traffic: `python -m benchmarks.simulations.drift`.

Each simulated month has its own frozen reference (28 days), its own 28 days before it
and 28 days that are judged one by one, with the alarm policy run over them. Prints the
false alarms per quiet month and, for each stated shift from the first judged day on,
the share of months in which the right family opens an episode within 7 and 14 days.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np

from benchmarks.simulations.traffic import SHIFTS, Traffic, make
from include.monitoring.alarm import Policy, follow
from include.monitoring.drift import Settings, Unit, judge_day
from include.monitoring.metrics import Family
from include.monitoring.watched import Sample
from include.statistics import counts
from include.statistics.arrays import FloatArray
from include.statistics.estimate import Estimate

REFERENCE_DAYS = 28
MONTH_DAYS = 28

RIGHT_FAMILY = {
    "darkening by 30 %": Family.INPUT,
    "face coverage -15 points": Family.COVERAGE,
    "happiness share +10 points": Family.PREDICTIONS,
    "confidence -0.05": Family.CONFIDENCE,
}


def alert_days(
    traffic: Traffic,
    settings: Settings,
    policy: Policy,
    *,
    days: int,
    seed: int,
    shift: Callable[[FloatArray], None] | None = None,
) -> dict[Family, list[int]]:
    """Simulate one month.

    Returns:
        Per family the judged days, 1..days, on which an alert was raised.
    """
    rng = np.random.default_rng(seed)
    # Days of no study in common: the reference is older than what trails the month.
    gap = traffic.study_days
    before = REFERENCE_DAYS + gap + settings.trailing_days + settings.current_days
    everything = make(traffic, days=before + days, rng=rng)
    reference = everything.between(1, REFERENCE_DAYS)
    published = everything.between(REFERENCE_DAYS + gap + 1, before + days)
    if shift is not None:
        published = _shifted(published, before + 1, shift)
    rule = replace(settings, seed=seed)
    reports = [
        judge_day(date.fromordinal(day), published=published, reference=reference, settings=rule)
        for day in range(before + 1, before + days + 1)
    ]
    return {
        family: [
            index
            for index, step in enumerate(follow((r.outcome(family) for r in reports), policy), 1)
            if step.alert
        ]
        for family in Family
    }


def _shifted(sample: Sample, first: int, shift: Callable[[FloatArray], None]) -> Sample:
    values = sample.values.copy()
    later = sample.days >= first
    changed = values[later]
    shift(changed)
    values[later] = changed
    return Sample(values, sample.days, sample.studies, sample.embeddings)


def false_alarms(
    traffic: Traffic, settings: Settings, policy: Policy, *, months: int, seed: int
) -> Estimate:
    """Alerts per quiet month, all families together; exact Poisson interval."""
    count = sum(
        len(days)
        for month in range(months)
        for days in alert_days(
            traffic, settings, policy, days=MONTH_DAYS, seed=seed + month
        ).values()
    )
    return counts.rate(count, months)


def power(
    traffic: Traffic, settings: Settings, policy: Policy, *, shift: str, months: int, seed: int
) -> dict[int, Estimate]:
    """Share of months in which the right family has opened after 7 and 14 days (Wilson)."""
    first = []
    for month in range(months):
        days = alert_days(
            traffic, settings, policy, days=14, seed=seed + month, shift=SHIFTS[shift]
        )[RIGHT_FAMILY[shift]]
        first.append(days[0] if days else MONTH_DAYS)
    rates = {}
    for within in (7, 14):
        count = sum(day <= within for day in first)
        rates[within] = counts.share(count, months)
    return rates


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status, 1 when the goal is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulations.drift", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--months", type=int, default=100, help="quiet months (default: 100)")
    parser.add_argument(
        "--shifted", type=int, default=40, help="months per stated shift, 0 for none (default: 40)"
    )
    parser.add_argument("--per-day", type=int, default=40, help="recordings per day (default: 40)")
    parser.add_argument("--studies", type=int, default=5, help="studies at once (default: 5)")
    parser.add_argument("--unit", type=Unit, choices=list(Unit), default=Settings().unit)
    parser.add_argument("--independent", action="store_true", help="studies do not differ")
    parser.add_argument("--permutations", type=int, default=Settings().permutations)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    if given.months < 1 or given.shifted < 0 or given.per_day < 1 or given.studies < 1:
        parser.error("--months, --per-day and --studies must be 1 or more, --shifted 0 or more")
    traffic = Traffic(
        recordings_per_day=given.per_day,
        studies_at_once=given.studies,
        study_effects=not given.independent,
    )
    settings = Settings(unit=given.unit, permutations=given.permutations)
    policy = Policy()
    quiet = false_alarms(traffic, settings, policy, months=given.months, seed=given.seed)
    result: dict[str, Any] = {
        "traffic": asdict(traffic),
        "settings": asdict(settings),
        "policy": asdict(policy),
        "false_alarms_per_month": asdict(quiet),
    }
    if given.shifted:
        result["power_within_days"] = {
            shift: {
                str(days): asdict(rate)
                for days, rate in power(
                    traffic, settings, policy, shift=shift, months=given.shifted, seed=given.seed
                ).items()
            }
            for shift in SHIFTS
        }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0 if quiet.value <= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
