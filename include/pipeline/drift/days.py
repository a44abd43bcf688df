"""Judging days: each once for each reference, in order, and the episodes that follow from them."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from include.composition import Services
from include.lake import keys
from include.monitoring import model_monitor
from include.monitoring.alarm import Outcome, Policy, Step, follow
from include.monitoring.drift import KEPT_DAY, DayReport, KeptDay, Settings, Unit, judge_day
from include.monitoring.metrics import Family
from include.monitoring.page import PageInput, render_page
from include.pipeline.drift import figures, reference

log = logging.getLogger(__name__)

CATCH_UP_DAYS = 28
"""So many days back are judged when the monitor did not run on them."""
REMEMBERED_DAYS = 90
"""Outcomes this far back decide where an episode stands."""

Episodes = Mapping[Family, tuple[Step, ...]]
"""Per family one step for each judged day, the oldest first."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A day's result with what led there.

    Attributes:
        day: The day.
        reference_id: Of the reference it was judged against; empty for none.
        days: The judged days that the episodes run over, up to this one.
        episodes: Where each family stands, a step for each of those days.
        prefix: Lake prefix of the report.
        report: Content of `report.json`.
    """

    day: date
    reference_id: str
    days: tuple[date, ...]
    episodes: Episodes
    prefix: str
    report: KeptDay


def monitor_settings(services: Services) -> Settings:
    """How days are judged here: the measured defaults, and what the settings change of them."""
    drift = services.settings.drift
    return Settings(
        unit=Unit(drift.unit),
        min_recordings=drift.min_recordings,
        min_units=drift.min_units,
    )


def judge(services: Services, day: date) -> Judged:
    """Judge a day and those before it that nobody judged; publish a report of each.

    A day that was judged against the same reference is not judged again: its report stands.

    Raises:
        ConfigurationError: The day is not over.
        TransientError: The lake failed for now; the reports written stay.
    """
    settings = monitor_settings(services)
    frozen = reference.current(services)
    known = _outcomes(services, frozen.id, day)
    wanted = _unjudged(known, day)
    if wanted:
        window = settings.current_days + settings.trailing_days
        figures.collect(services, wanted[0] - timedelta(days=window - 1), day)
    for each in wanted:
        known[each] = _publish(services, each, frozen, settings, known)
        log.info("%s: %s", each, {name: outcome.value for name, outcome in known[each].items()})
    judged = load(services, day)
    page = services.lake.get_bytes(f"{judged.prefix}/index.html")
    services.lake.put_bytes(keys.DRIFT_PAGE, page)
    return judged


def load(services: Services, day: date) -> Judged:
    """Read what was judged of a day against the present reference.

    Raises:
        FileNotFoundError: It was not judged.
        TransientError: The lake failed for now.
    """
    reference_id = reference.current(services).id
    prefix = keys.drift_day(reference_id or "none", day)
    report = services.lake.read(KEPT_DAY, f"{prefix}/{keys.DRIFT_REPORT}")
    days, episodes = _episodes(_outcomes(services, reference_id, day), day)
    return Judged(day, reference_id, days, episodes, prefix, report)


def _publish(
    services: Services,
    day: date,
    frozen: reference.Reference,
    settings: Settings,
    known: Mapping[date, Mapping[str, Outcome]],
) -> Mapping[str, Outcome]:
    """Judge one day and write its files, the report last."""
    report, page, found = _compute(services, day, frozen, settings, known)
    last = day.toordinal()
    current = found.sample.between(last - settings.current_days + 1, last)
    files = {
        "statistics.json": model_monitor.statistics(current),
        "constraint_violations.json": report.violations(),
    }
    prefix = keys.drift_day(frozen.id or "none", day)
    for name, content in files.items():
        services.lake.put_bytes(f"{prefix}/{name}", json.dumps(content, indent=1).encode())
    services.lake.put_bytes(f"{prefix}/index.html", page)
    kept = report.kept(frozen.id or None, len(current))
    services.lake.put_if_absent(f"{prefix}/{keys.DRIFT_REPORT}", KEPT_DAY.write(kept))
    return {family.value: report.outcome(family) for family in Family}


def _compute(
    services: Services,
    day: date,
    frozen: reference.Reference,
    settings: Settings,
    known: Mapping[date, Mapping[str, Outcome]],
) -> tuple[DayReport, bytes, figures.DayFigures]:
    window = settings.current_days + settings.trailing_days
    found = figures.read(services, day - timedelta(days=window - 1), day)
    week = figures.read(services, day - timedelta(days=settings.current_days - 1), day)
    report = judge_day(day, published=found.sample, reference=frozen.sample, settings=settings)
    outcomes = {family.value: report.outcome(family) for family in Family}
    days, episodes = _episodes({**known, day: outcomes}, day)
    page = render_page(
        PageInput(
            report=report,
            days=days,
            episodes=episodes,
            published=found.sample,
            reference=frozen.sample,
            reference_days=None if frozen.first is None else (frozen.first, frozen.last or day),
            model_versions=week.model_versions,
        )
    )
    return report, page, found


def _episodes(
    outcomes: Mapping[date, Mapping[str, Outcome]], day: date
) -> tuple[tuple[date, ...], Episodes]:
    """Follow each family over the judged days up to `day`."""
    days = tuple(sorted(each for each in outcomes if each <= day))
    steps = {
        family: follow((outcomes[each][family.value] for each in days), Policy())
        for family in Family
    }
    return days, steps


def _outcomes(
    services: Services, reference_id: str, day: date
) -> dict[date, Mapping[str, Outcome]]:
    """What was judged against this reference within `REMEMBERED_DAYS` before the day."""
    found: dict[date, Mapping[str, Outcome]] = {}
    for key in services.lake.list(keys.drift_days(reference_id or "none")):
        folder, _, name = key.rpartition("/")
        if name != keys.DRIFT_REPORT:
            continue
        each = date.fromisoformat(folder.rpartition("/")[2])
        if day - timedelta(days=REMEMBERED_DAYS) <= each <= day:
            found[each] = services.lake.read(KEPT_DAY, key).outcomes
    return found


def _unjudged(known: Collection[date], day: date) -> list[date]:
    """The days after the last judged one up to `day`; the day alone where none was judged."""
    first = day
    if before := [each for each in known if each < day]:
        first = max(max(before) + timedelta(days=1), day - timedelta(days=CATCH_UP_DAYS - 1))
    days = (first + timedelta(days=index) for index in range((day - first).days + 1))
    return [each for each in days if each not in known]
