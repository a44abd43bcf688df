"""Reading the data sets once, with what is lost in the table noted on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from include.contracts.errors import ConfigurationError
from ml.data.datasets import NamedSet, load_set, require_every_class
from ml.data.records import FaceRecord, FaceTable, tabulate


@dataclass(slots=True)
class SetSurvey:
    """What one data set brought.

    Attributes:
        name: The data set's name.
        records: Pictures read.
        repeated: Of these, exact copies of a picture read before in the same set.
        elsewhere: Of these, pictures that an earlier set already had.
        colour: Pictures in colour.
        shortest_px: Shorter side in pixels, and how many pictures have it.
    """

    name: str
    records: int = 0
    repeated: int = 0
    elsewhere: int = 0
    colour: int = 0
    shortest_px: Counter[int] = field(default_factory=Counter)

    @property
    def distinct(self) -> int:
        """Pictures that this set added."""
        return self.records - self.repeated - self.elsewhere


@dataclass(frozen=True, slots=True)
class Survey:
    """All data sets as one table, and what each of them brought."""

    table: FaceTable
    sets: tuple[SetSurvey, ...]


def survey(sets: Sequence[NamedSet], side_px: int | None) -> Survey:
    """Read the data sets.

    Raises:
        ConfigurationError: As `ml.data.datasets.load_sets`.
    """
    found = {name: SetSurvey(name) for name, _ in sets}
    first_seen: dict[str, str] = {}

    def watched() -> Iterator[FaceRecord]:
        for name, path in sets:
            for record in load_set(name, path):
                _note(found[name], first_seen, record)
                yield record

    try:
        table = tabulate(watched(), side_px)
    except ValueError as error:
        raise ConfigurationError("--side", str(error)) from error
    require_every_class(table)
    return Survey(table, tuple(found.values()))


def _note(into: SetSurvey, first_seen: dict[str, str], record: FaceRecord) -> None:
    into.records += 1
    into.colour += record.pixels.ndim == 3
    into.shortest_px[min(record.pixels.shape[:2])] += 1
    key = record.key
    if key not in first_seen:
        first_seen[key] = into.name
    elif first_seen[key] == into.name:
        into.repeated += 1
    else:
        into.elsewhere += 1
