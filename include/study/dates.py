"""Days and times as people write them in a table: read where only one day can be meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_LATEST_ZONE, _EARLIEST_ZONE = timedelta(hours=12), timedelta(hours=14)
"""A day without a zone begins 14 hours before it does in Greenwich, and ends 12 after."""
_DAY = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{2}|\d{4})(?:,? (\d{1,2}:\d\d(?::\d\d)?))?")
_SERIAL = re.compile(r"[1-7]\d{4}(?:[.,]\d+)?")
_WRITE = "write 2026-11-21 or 2026-11-21T14:30:00+01:00"


@dataclass(frozen=True, slots=True)
class Moment:
    """A day or a time, as far as it is known.

    Attributes:
        text: As it was written.
        earliest: Aware; the first moment that it may be.
        latest: Aware; the last one.
    """

    text: str
    earliest: datetime
    latest: datetime


def read_moment(text: str) -> Moment:
    """Read a day or a time.

    ISO 8601, with a zone or without; days with dots (21.11.2026: the day stands first); with
    slashes where one number can only be the day.

    Raises:
        ValueError: It is none, or may be two days; the message is a clause that names the cause.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _written_day(text)
    if found.tzinfo is not None:
        return Moment(text, found.astimezone(UTC), found.astimezone(UTC))
    whole_day = timedelta(days=0 if re.search(r"\d:\d", text) else 1)
    start = found.replace(tzinfo=UTC)
    return Moment(text, start - _EARLIEST_ZONE, start + whole_day + _LATEST_ZONE)


def _written_day(text: str) -> datetime:
    found = _DAY.fullmatch(text)
    if found is None:
        if _SERIAL.fullmatch(text):
            raise ValueError(
                f"{text!r} is a spreadsheet's number of a day, counted from 1900 or from 1904: "
                f"format the column as date or text, and {_WRITE}"
            )
        raise ValueError(f"{text!r} is no day that can be read: {_WRITE}")
    first, sign, second, last, clock = found.groups()
    if len(first) > 2:
        raise ValueError(f"{text!r} is no day that can be read: {_WRITE}")
    year = int(last) + (2000 if len(last) == 2 else 0)
    day, month = int(first), int(second)
    if sign != "." and day != month:
        if day <= 12 and month <= 12:
            raise ValueError(f"{text!r} may be two days (day or month first): {_WRITE}")
        if month > 12:
            day, month = month, day
    hour, minute, second_s = (int(part) for part in f"{clock or '0:0'}:0:0".split(":")[:3])
    try:
        return datetime(year, month, day, hour, minute, second_s)  # noqa: DTZ001 - no zone is known
    except ValueError as error:
        raise ValueError(f"{text!r} is no day of the calendar: {_WRITE}") from error
