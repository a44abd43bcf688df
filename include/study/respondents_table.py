"""`respondents.csv` of a study: who is seen in which recording, and what they declared.

    recording,respondent,age_group,...
    r01.mp4,P-0017,25-34,...

`recording` is the file's name as it was dropped (with its folders below the study),
`respondent` any id that stands for the same person wherever it comes in the study. Further
columns are attributes that the person declared; an empty cell is "not declared". A recording
without a line is one person of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode

FILE = "respondents.csv"
RECORDING, RESPONDENT = "recording", "respondent"
MAX_BYTES = 16 << 20

_REMEDY = f"Correct the file: a header with {RECORDING},{RESPONDENT}, then one line per recording."


@dataclass(frozen=True, slots=True)
class Respondent:
    """The person seen in a recording.

    Attributes:
        respondent: The study's own id of the person; a pseudonym, we hope: treat it as a name.
        attributes: What the person declared, by column; empty cells are left out.
    """

    respondent: str
    attributes: Mapping[str, str]


def parse_respondents(study: str, content: bytes) -> dict[str, Respondent]:
    """Return who is seen, by the recording's name, from the bytes of the file.

    Raises:
        PermanentInputError: A line cannot be understood; the sentence names it.
    """
    if len(content) > MAX_BYTES:
        _refuse(study, "the whole file", f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(study, "the whole file", f"is not UTF-8 (byte {error.start})")
    found: dict[str, Respondent] = {}
    for line, row in _rows(study, text):
        recording, respondent = row.pop(RECORDING), row.pop(RESPONDENT)
        for column, cell in ((RECORDING, recording), (RESPONDENT, respondent)):
            if not cell:
                _refuse(study, f"line {line}", f"has no {column}")
        if recording in found:
            _refuse(study, f"line {line}", f"names the recording {recording!r} a second time")
        declared = {column: cell for column, cell in row.items() if cell}
        found[recording] = Respondent(respondent, declared)
    return found


def _rows(study: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells by column of every line that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            _refuse(study, f"line {reader.line_num}", f"is not CSV ({error})")
        if cells is None:
            break
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if header is None:
            header = [cell.casefold() for cell in cells]
            _check_header(study, header)
        elif len(cells) != len(header):
            where = f"line {reader.line_num}"
            _refuse(study, where, f"has {len(cells)} cells, the header {len(header)}")
        else:
            yield reader.line_num, dict(zip(header, cells, strict=True))
    if header is None:
        _refuse(study, "line 1", "is missing: the file is empty")


def _check_header(study: str, header: list[str]) -> None:
    missing = [column for column in (RECORDING, RESPONDENT) if column not in header]
    if missing:
        _refuse(study, "line 1", f"has no column {', '.join(missing)}")
    if len(set(header)) < len(header):
        _refuse(study, "line 1", "names a column twice")


def _refuse(study: str, where: str, reason: str) -> NoReturn:
    sentence = f"{FILE} of study {study!r}, {where}: {reason}."
    raise PermanentInputError(QuarantineCode.BAD_STUDY_FILE, sentence, _REMEDY)
