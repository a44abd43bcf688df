"""What spreadsheets make of cells that look like numbers, dates or formulas.

`17` comes back as `1.7E+01` or `17,0`, `001` as `1`, `3-4` as `03. Apr`, a formula as `#NAME?`.
Where the number is whole and all of its digits are there, it is read; else the cause is named,
because two different cells may have become one.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from include.contracts.spreadsheet import Table

_SCIENTIFIC = re.compile(r"([+-]?)(\d)(?:[.,](\d+))?e\+?(-?\d{1,3})", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+[.,]0+")
_PROTECTED = re.compile(r"=\"([^\"]*)\"|'(\d[^']*)")
_ERROR = re.compile(
    r"#{2,}|#(?:NAME|REF|VALUE|N/A|DIV/0|NULL|NUM|SPILL|WERT|BEZUG|NV|ZAHL|NOM|VALEUR)[!?]?",
    re.IGNORECASE,
)
# English, German, French, Spanish, as spreadsheets abbreviate and write them out.
_MONTHS = """
    jan january januar janvier janv ene enero feb february februar février févr fév febrero
    mar march mär märz mrz mars marzo apr april avr avril abr abril may mai mayo
    jun june juni juin junio jul july juli juillet juil julio aug august août ago agosto
    sep sept september septembre septiembre oct october okt oktober octobre octubre
    nov november novembre noviembre dec december dez dezember déc décembre dic diciembre
"""
_MONTH = rf"(?:{'|'.join(_MONTHS.split())})\.?"
_DAY_AND_MONTH = re.compile(
    rf"\d{{1,2}}\.?[ -]?{_MONTH}(?:[ -]?\d{{2,4}})?|{_MONTH}[ -]\d{{1,4}}", re.IGNORECASE
)
_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1(?:\d{2}|\d{4})?|\d{4}-\d\d-\d\d(?: 00:00(?::00)?)?")
_RANGE = re.compile(r"\d+ ?(?:-|–|to|bis) ?\d+")
_RANGED = {"age", "alter", "group", "gruppe", "agegroup", "altersgruppe", "range", "bracket"}
_OF_TIME = {"at", "date", "datum", "day", "tag", "time", "birth", "birthday", "session"}


def restored(cell: str) -> str:
    """Return a cell as it was before a spreadsheet changed it, where that is certain.

    >>> [restored(cell) for cell in ("1.7E+01", "17,0", '="001"', "'007", "17,5", "P1")]
    ['17', '17', '001', '007', '17,5', 'P1']
    """
    protected = _PROTECTED.fullmatch(cell)
    if protected:
        return protected[1] if protected[1] is not None else protected[2]
    if _WHOLE.fullmatch(cell):
        return re.split("[.,]", cell)[0]
    found = _SCIENTIFIC.fullmatch(cell)
    if found:
        sign, digits = found[1], found[2] + (found[3] or "")
        places = int(found[4]) + 1
        if 0 < places <= len(digits) and not digits[places:].strip("0"):
            return f"{sign.strip('+')}{digits[:places]}"
    return cell


def spoiled(cell: str) -> str | None:
    """Return what happened to a cell that cannot be restored, as a clause; None of a sound one."""
    if _ERROR.fullmatch(cell):
        return f"{cell!r} is a spreadsheet's error, not what was typed"
    if _SCIENTIFIC.fullmatch(restored(cell)):
        return (
            f"{cell!r} was a longer number or a name, which a spreadsheet turned into this form; "
            "digits are lost: format the column as text and type it again"
        )
    return None


def dated(cell: str, *, numbers: bool = True) -> str | None:
    """Return what happened to a cell that held no date before, as a clause; None of a sound one.

    Args:
        cell: As it was read.
        numbers: Whether dates in digits alone count; else only those with a month's name.
    """
    if _DAY_AND_MONTH.fullmatch(cell) or (numbers and _DATE.fullmatch(cell)):
        return (
            f"{cell!r} looks like a range or a name that a spreadsheet turned into a date (3-4 "
            "becomes 03. Apr): format the column as text and type it again"
        )
    return None


def number_of(cell: str) -> int | None:
    """Return the whole number that a cell holds, whatever its form: 17 of `017` and `1.7E+01`."""
    found = restored(cell)
    return int(found) if found.isascii() and found.isdigit() and len(found) <= 18 else None


def ranged_columns(table: Table, besides: Collection[str] = ()) -> frozenset[str]:
    """Return columns that hold ranges such as 25-34: a date among them was a range before.

    Args:
        table: Any table.
        besides: Columns that are known to hold none.
    """
    return frozenset(
        column
        for column in table.columns
        if column not in besides
        and _OF_TIME.isdisjoint(column.split("_"))
        and (
            not _RANGED.isdisjoint(column.split("_"))
            or any(_RANGE.fullmatch(line.cells[column]) for line in table.lines)
        )
    )
