"""Taking a person's lines out of `respondents.csv`, with every other byte as it was.

The table is people's own. An erased person's lines are all that is ever taken out of it: as
long as they stand there, the person is not erased.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from include.contracts.errors import PermanentInputError
from include.pipeline.study_files import folders_of, read_respondents
from include.study.respondents import Respondents
from include.study.respondents_table import FILE, MAX_BYTES, RECORDING

if TYPE_CHECKING:
    from include.composition import Services

_CP1252_HOLES = frozenset(b"\x81\x8d\x8f\x90\x9d")
_DELIMITERS = ",;\t"


def lines_of(services: Services, study: str, recordings: Collection[str]) -> frozenset[str]:
    """Return the names, as typed, in a table's lines that mean one of some recordings.

    A table that cannot be understood has none: the search afterwards names it.

    Raises:
        TransientError: The lake failed for now.
    """
    try:
        table = read_respondents(services.lake, study)
    except PermanentInputError:
        return frozenset()
    people = Respondents(study, table, {*services.ledger.names(study), *recordings})
    return frozenset(typed for name in recordings for typed in people.lines_of(name))


def take_out(services: Services, study: str, lines: Collection[str]) -> int:
    """Take lines out of a study's table; return how many.

    Args:
        services: Collaborators.
        study: Name of the study.
        lines: Names of recordings in them, as typed.

    Raises:
        TransientError: Somebody wrote the table meanwhile, or the lake failed for now.
    """
    total = 0
    for folder in folders_of(study):
        key = f"{folder}/{FILE}"
        try:
            before = services.lake.read_head(key, MAX_BYTES + 1)
        except FileNotFoundError:
            continue
        after, count = without_lines(before, lines)
        if count and len(before) <= MAX_BYTES:
            services.lake.replace_respondents(key, after, before)
            total += count
    return total


def without_lines(content: bytes, lines: Collection[str]) -> tuple[bytes, int]:
    """Return a table without the lines of some recordings, and how many they were.

    Args:
        content: The table, whatever separates its cells.
        lines: Names of recordings in the lines that go, as typed.
    """
    encoding = _encoding(content)
    text = content.decode(encoding, "surrogatepass")
    doomed: set[int] = set()
    count = 0
    for delimiter in _DELIMITERS:
        for first, end in _spans(text, delimiter, lines):
            if doomed.isdisjoint(range(first, end)):
                doomed |= set(range(first, end))
                count += 1
    physical = io.StringIO(text, newline="")
    kept = "".join(line for number, line in enumerate(physical) if number not in doomed)
    return kept.encode(encoding, "surrogatepass"), count


def _encoding(content: bytes) -> str:
    """Return what the table is written in: bytes that stay must come out as they went in."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark) and len(content) % 2 == 0:
            return encoding
    try:
        content.decode()
    except UnicodeDecodeError:
        # As spreadsheets save on Windows; where a byte has no character there, any will do.
        return "cp1252" if not _CP1252_HOLES.intersection(content) else "latin-1"
    return "utf-8"


def _spans(text: str, delimiter: str, lines: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield first physical line and the one behind the last of each line that goes."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    column, first = None, 0
    try:
        for row in reader:
            cells = [cell.strip(" \t\r\n\ufeff") for cell in row]
            if column is None:
                folded = [cell.casefold() for cell in cells]
                column = folded.index(RECORDING) if RECORDING in folded else None
            elif len(cells) > column and cells[column] in lines:
                yield first, reader.line_num
            first = reader.line_num
    except csv.Error:
        return
