"""The tasks of `drift_monitor`: days as ISO dates in, small summaries out."""

from __future__ import annotations

from datetime import date

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.lake import keys
from include.observability.embedded import tidy as tidy_day
from include.pipeline.drift import days, notices, reference


def freeze(services: Services, first: str, last: str) -> str | None:
    """Freeze a reference if both days are given; return the id of the one that counts.

    Raises:
        ConfigurationError: One day alone is given, or the days make no reference.
        TransientError: The lake failed for now.
    """
    if bool(first) != bool(last):
        raise ConfigurationError("reference", "name both its first and its last day, or neither")
    if first:
        settings = days.monitor_settings(services)
        return reference.freeze(services, _date(first), _date(last), settings).id
    return reference.current(services).id or None


def judge(services: Services, day: str) -> dict[str, object]:
    """Judge a day; return what it says and where the page is.

    Raises:
        ConfigurationError: The day is no ISO date, or is not over.
        TransientError: The lake failed for now.
    """
    judged = days.judge(services, _date(day))
    return {
        "day": judged.day.isoformat(),
        "recordings": judged.report.recordings,
        "outcomes": {name: found.value for name, found in judged.report.outcomes.items()},
        "episodes": {
            family.value: steps[-1].state.value for family, steps in judged.episodes.items()
        },
        "page": services.lake.uri(f"{judged.prefix}/index.html"),
        "newest_page": services.lake.uri(keys.DRIFT_PAGE),
    }


def tell(services: Services, day: str) -> int:
    """Emit the figures of a judged day and send what is to be told; return how many notices.

    Raises:
        TransientError: The sink or the channel failed for now.
    """
    return notices.tell(services, days.load(services, _date(day)))


def tidy(services: Services, day: str) -> int:
    """Put the figures of a past day together; return how many objects there were.

    Raises:
        TransientError: The lake failed for now.
    """
    return tidy_day(services.lake, _date(day))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError("day", f"{text!r} is no date such as 2026-11-02") from error
