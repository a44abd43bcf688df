"""The record of an erasure: counts and times, nobody named."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.contracts.documents import Form


@dataclass(frozen=True, slots=True)
class Left:
    """A place that still holds something of the person.

    Attributes:
        place: Where; in the record itself without names.
        what: What lies there.
        do: What people do about it.
    """

    place: str
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Record:
    """Who asked for it, how much of what was erased and looked through, what is left.

    Attributes:
        asked_by: Who answers for it.
        begun_at: ISO 8601, aware, like all times here.
        without: Lines of the request that it goes on without.
        erased: How many of what, over all tries of the run.
        looked_through: How many of what were looked through.
        looked_at: When that was done; None before.
        not_looked_into: Places that could not be looked into.
        left: What was found; nothing either before it was looked for.
        nothing_left_at: When nothing was found any longer.
        done_at: When it was done.
        left_to_people: What build 78251cd left to people, in sentences.
    """

    asked_by: str
    begun_at: str
    without: int = 0
    erased: dict[str, int] = field(default_factory=dict)
    looked_through: dict[str, int] = field(default_factory=dict)
    looked_at: str | None = None
    not_looked_into: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    nothing_left_at: str | None = None
    done_at: str | None = None
    left_to_people: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether nothing of the person is left."""
        return self.done_at is not None


RECORD = Form(Record)
