"""Tables as people save them from spreadsheets: read where it is certain, else the cause is named.

One reader for every CSV that people hand in. It finds out the encoding (UTF-8, UTF-16 as Excel's
"Unicode text", Windows' Western code page), the delimiter (comma, semicolon, tab, bar, or what a
first line `sep=` says), drops what spreadsheets add (empty rows, empty columns at the end, a
byte-order mark, quotes around whole lines) and reads headers whatever their case and spaces.

What is written stands in RFC 4180; what Excel and LibreOffice make of it, in their files: the
tests hold some saved by LibreOffice.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")
_WORKBOOKS = {
    b"PK\x03\x04": "an Excel or OpenDocument workbook",
    b"\xd0\xcf\x11\xe0": "an Excel file",
}
_WESTERN = frozenset(
    "äöüÄÖÜßàâæçèéêëîïñòóôõøùûåãáíúìÀÂÆÇÈÉÊËÎÏÑÒÓÔÕØÙÛÅÃÁÍÚÌ€“”„‘’–—…«»·°§©®´¿¡\xa0"
)
"""What Western European text holds beside ASCII; other signs mean another code page."""

_STATED = re.compile(r"\s*\"?sep=(.)\"?[,;\t|]*\s*", re.IGNORECASE)


class TableError(ValueError):
    """A table cannot be read with certainty.

    Attributes:
        where: The line, or "the whole file".
        reason: A clause about it, with the column where there is one.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank.

    Attributes:
        number: Of the line of the file in which it starts, from 1.
        cells: By column, without spaces around them; a cell that is not there is empty.
    """

    number: int
    cells: dict[str, str]

    @property
    def where(self) -> str:
        """The line, for sentences."""
        return f"line {self.number}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that people handed in.

    Attributes:
        columns: Names in one form: lower case, words joined by underscores. In their order.
        lines: In their order.
        delimiter: What stands between cells.
    """

    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    delimiter: str


def read_table(content: bytes, required: Collection[str]) -> Table:
    """Read a table.

    Args:
        content: The bytes of the file.
        required: Columns that it must have, in the form of `Table.columns`. They tell which
            sign is the delimiter.

    Raises:
        TableError: It is no table, or something in it could be read in two ways.
    """
    try:
        text = decode_text(content)
    except ValueError as error:
        raise TableError("the whole file", str(error)) from error
    text, skipped, stated = _stated_delimiter(text)
    records = _records(text, _delimiter(text, required, stated), skipped)
    header = next(records, None)
    if header is None:
        raise TableError("line 1", "is missing: the file is empty")
    number, names, delimiter = header
    columns = _columns(number, names, required)
    lines = tuple(_line(number, cells, columns, required) for number, cells, _ in records)
    return Table(tuple(name for name in columns if name), lines, delimiter)


def decode_text(content: bytes) -> str:
    """Return text whose encoding is certain, without a byte-order mark.

    Raises:
        ValueError: It is none; the message is a clause that names the cause.
    """
    for magic, kind in _WORKBOOKS.items():
        if content.startswith(magic):
            raise ValueError(f"is {kind}, not text: save it as CSV (UTF-8)")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(content, "utf-16")
    even, odd = content[:4096:2].count(0), content[1:4096:2].count(0)
    if max(even, odd) * 4 > min(len(content), 4096):
        # Every other byte is zero: Latin letters in UTF-16 without a mark.
        return _utf16(content, "utf-16-le" if odd > even else "utf-16-be")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = _western(content, error.start)
    if "\x00" in text:
        raise ValueError("holds zero bytes: it is not text")
    return text


def folded(name: str) -> str:
    """Return a column's name in one form: "Consent At " is `consent_at`."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return "_".join(text.strip(" \t\r\n:*\"'").replace("-", " ").replace("_", " ").split())


def _utf16(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-16, as its first bytes say (byte {error.start})") from error


def _western(content: bytes, first: int) -> str:
    """Decode Windows' Western code page, where nothing in it speaks for another one."""
    line = content.count(b"\n", 0, first) + 1
    try:
        text = content.decode("cp1252")
        strange = {char for char in text if ord(char) > 127} - _WESTERN
    except UnicodeDecodeError:
        strange = {"?"}
    if strange:
        raise ValueError(
            f"is not UTF-8 (byte {first}, in line {line}), and which other encoding it has cannot "
            "be told: save it as CSV UTF-8"
        )
    return text


def _stated_delimiter(text: str) -> tuple[str, int, str | None]:
    """Take Excel's line `sep=;` off; return the rest, lines taken, and the delimiter."""
    first, _, rest = text.partition("\n")
    found = _STATED.fullmatch(first)
    return (text, 0, None) if found is None else (rest, 1, found[1])


def _delimiter(text: str, required: Collection[str], stated: str | None) -> str:
    """The sign that divides the header into the columns that must be there."""
    wanted = set(required)

    def fits(delimiter: str) -> tuple[int, bool, int]:
        try:
            header = next(_records(text, delimiter, 0), (0, [], ""))[1]
        except TableError:
            return 0, False, 0
        found = len(wanted & {folded(cell) for cell in header})
        # What is stated may be left over from before the table was saved once more.
        return found, delimiter == stated, len(header)

    return max((*DELIMITERS, *([stated] if stated else [])), key=fits)


def _records(text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str], str]]:
    """Yield first line, cells and delimiter of every record that is not blank."""
    reader = csv.reader(
        io.StringIO(text, newline=""), strict=True, delimiter=delimiter, skipinitialspace=True
    )
    wrapped: bool | None = None
    while True:
        number = reader.line_num + 1 + skipped
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise TableError(f"line {number}", f"is not CSV ({error})") from error
        if cells is None:
            return
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if wrapped is None:
            # A CSV pasted into one column of a sheet comes back with quotes around each line.
            wrapped = len(cells) == 1 and delimiter in cells[0]
        if wrapped and len(cells) == 1:
            cells = [cell.strip() for cell in next(csv.reader(cells, delimiter=delimiter))]
        yield number, cells, delimiter


def _columns(number: int, names: list[str], required: Collection[str]) -> tuple[str, ...]:
    columns = [folded(name) for name in names]
    while columns and not columns[-1]:
        columns.pop()
    where = f"line {number}"
    missing = [name for name in required if name not in columns]
    if missing:
        there = ", ".join(map(repr, names[:12]))
        raise TableError(where, f"has no column {', '.join(missing)} (its columns: {there})")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise TableError(where, f"names a column twice ({', '.join(twice)})")
    return tuple(columns)


def _line(
    number: int, cells: list[str], columns: tuple[str, ...], required: Collection[str]
) -> Line:
    where = f"line {number}"
    for place, cell in enumerate(cells[len(columns) :], start=len(columns) + 1):
        if cell:
            raise TableError(
                where,
                f"has {len(cells)} cells, the header {len(columns)}: {cell!r} in column {place} "
                "belongs to none; is there a delimiter inside a cell that has no quotes?",
            )
    # Spreadsheets leave out empty cells at the end of a line, or add some.
    padded = [*cells[: len(columns)], *[""] * (len(columns) - len(cells))]
    for place, (name, cell) in enumerate(zip(columns, padded, strict=True), start=1):
        if cell and not name:
            raise TableError(where, f"has {cell!r} in column {place}, which has no name")
    if len(cells) < max(columns.index(name) for name in required) + 1:
        raise TableError(where, f"has {len(cells)} cells, the header {len(columns)}")
    return Line(number, {name: cell for name, cell in zip(columns, padded, strict=True) if name})
