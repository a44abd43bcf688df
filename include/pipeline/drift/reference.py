"""The frozen reference: the days whose recordings are what the model was accepted on.

People freeze it: by the parameters of the DAG, or `python -m include.pipeline.drift freeze`.
References are never changed. The newest counts, and starts the episodes anew: a permanent
change that people accept ends with a new reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from include.composition import Services
from include.contracts.documents import Content, Form
from include.contracts.errors import ConfigurationError
from include.contracts.identity import stable_hash
from include.lake import keys
from include.monitoring import model_monitor
from include.monitoring.drift import Settings
from include.monitoring.watched import Sample, as_sample
from include.pipeline.drift import figures

MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class Reference:
    """A frozen reference; `id` is empty where none was frozen yet.

    Attributes:
        id: Identity of its days and recordings.
        first, last: Its days, both included.
        sample: Its recordings.
    """

    id: str
    first: date | None
    last: date | None
    sample: Sample


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is kept of a reference; `statistics` and `constraints` as Model Monitor has them."""

    id: str
    first: date
    last: date
    frozen_at: datetime
    statistics: Content
    constraints: Content


FROZEN = Form(Frozen)
NONE = Reference("", None, None, as_sample([]))


def freeze(services: Services, first: date, last: date, settings: Settings) -> Reference:
    """Freeze the recordings published from `first` to `last`, both included.

    Freezing the days of the newest reference again changes nothing.

    Raises:
        ConfigurationError: The days are not over, are in the wrong order, or hold too few
            recordings or units to compare anything with.
        TransientError: The lake failed for now.
    """
    _check(services, first, last)
    figures.collect(services, first, last)
    sample = figures.read(services, first, last).sample
    units = len(set(sample.studies.tolist())) if settings.unit == "study" else len(sample)
    if len(sample) < settings.min_recordings or units < settings.min_units:
        raise ConfigurationError(
            "reference",
            f"{first} to {last} hold {len(sample)} recordings of {units} {settings.unit.value}s; "
            f"a reference needs {settings.min_recordings} of {settings.min_units}: name more days",
        )
    identity = stable_hash(
        {"first": first.isoformat(), "last": last.isoformat(), "values": sample.values.tolist()}
    )
    newest = current(services)
    if newest.id == identity:
        return newest
    now = services.ledger.clock().astimezone(UTC)
    frozen = Frozen(
        id=identity,
        first=first,
        last=last,
        frozen_at=now,
        statistics=model_monitor.statistics(sample),
        constraints=model_monitor.constraints(settings),
    )
    services.lake.put_if_absent(
        keys.drift_reference(now.strftime("%Y%m%dT%H%M%S%f")), FROZEN.write(frozen)
    )
    return current(services)


def current(services: Services) -> Reference:
    """The newest reference, or `NONE`.

    Raises:
        TransientError: The lake failed for now.
    """
    found = list(services.lake.list(keys.DRIFT_REFERENCES))
    if not found:
        return NONE
    frozen = services.lake.read(FROZEN, found[-1])
    sample = figures.read(services, frozen.first, frozen.last).sample
    return Reference(frozen.id, frozen.first, frozen.last, sample)


def _check(services: Services, first: date, last: date) -> None:
    today = services.ledger.clock().astimezone(UTC).date()
    if last < first:
        raise ConfigurationError("reference", f"{last} is before {first}: name the first day first")
    if last >= today:
        raise ConfigurationError("reference", f"{last} is not over: name days up to yesterday")
    if (last - first).days >= MAX_DAYS:
        raise ConfigurationError("reference", f"a reference spans {MAX_DAYS} days at most")
