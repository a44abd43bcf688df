"""`respondents.csv` of a study: who is seen in which recording, and what they declared.

    recording,respondent,consent,consent_at,consent_withdrawn_at,age_group,...
    r01.mp4,P-0017,notice 2,2026-11-21,,25-34,...

`recording` is the file's name as it was dropped (with its folders below the study),
`respondent` any id that stands for the same person wherever it comes in the study. The three
columns of consent may be left out (`include.study.consent`). Further columns are attributes that
the person declared; an empty cell is "not declared". A recording without a line is one person of
its own. Files are read as spreadsheets save them (`include.contracts.spreadsheet`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode
from include.contracts.spoiled_cells import dated, ranged_columns, restored, spoiled
from include.contracts.spreadsheet import Line, TableError, read_table
from include.contracts.study_names import RESPONDENTS
from include.study.consent import COLUMNS, Consent, misspelt_column, read_consent

FILE = RESPONDENTS
RECORDING, RESPONDENT = "recording", "respondent"
MAX_BYTES = 16 << 20

_REMEDY = f"Correct the file: a header with {RECORDING},{RESPONDENT}, then one line per recording."


@dataclass(frozen=True, slots=True)
class Respondent:
    """The person seen in a recording.

    Attributes:
        respondent: The study's own id of the person; a pseudonym, we hope: treat it as a name.
        attributes: What the person declared, by column; empty cells are left out.
        consent: What the line says of consent.
        line: Where it stands in the file, from 1.
    """

    respondent: str
    attributes: Mapping[str, str]
    consent: Consent = field(default_factory=Consent)
    line: int = field(default=0, compare=False)


def parse_respondents(study: str, content: bytes) -> dict[str, Respondent]:
    """Return who is seen, by the recording's name as it was typed, from the bytes of the file.

    Raises:
        PermanentInputError: A line cannot be understood; the sentence names it, the column and
            the cause.
    """
    if len(content) > MAX_BYTES:
        _refuse(study, "the whole file", f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        table = read_table(content, (RECORDING, RESPONDENT))
    except TableError as error:
        _refuse(study, error.where, error.reason)
    if (wrong := misspelt_column(table.columns)) is not None:
        _refuse(
            study, "line 1", f"has the column {wrong[0]!r}, which nobody reads: name it {wrong[1]}"
        )
    ranged = ranged_columns(table, besides=(RECORDING, RESPONDENT, *COLUMNS))
    found: dict[str, Respondent] = {}
    for line in table.lines:
        recording = line.cells[RECORDING]
        read = _respondent(study, line, ranged)
        if recording in found:
            _refuse(study, line.where, f"names the recording {recording!r} a second time")
        found[recording] = read
    return found


def _respondent(study: str, line: Line, ranged: frozenset[str]) -> Respondent:
    for column in (RECORDING, RESPONDENT):
        if not line.cells[column]:
            _refuse(study, line.where, f"has no {column}")
    declared = {}
    for column, cell in line.cells.items():
        if column in COLUMNS or not cell:
            continue
        changed = spoiled(cell)
        if changed is None and (column == RESPONDENT or column in ranged):
            changed = dated(cell, numbers=column in ranged)
        if changed is not None:
            _refuse(study, f"{line.where}, column {column}", changed)
        if column != RECORDING:  # names are met with what was dropped, as they were typed
            declared[column] = restored(cell)
    return Respondent(declared.pop(RESPONDENT), declared, read_consent(line.cells), line.number)


def _refuse(study: str, where: str, reason: str) -> NoReturn:
    sentence = f"{FILE} of study {study!r}, {where}: {reason}."
    raise PermanentInputError(QuarantineCode.BAD_STUDY_FILE, sentence, _REMEDY)
