"""Reading what people say about a study, from the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.contracts.seating import ONE_RESPONDENT
from include.lake import keys
from include.lake.originals import UNSORTED
from include.study import respondents_table, study_file
from include.study.respondents import Respondents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.contracts.seating import Seating
    from include.lake.store import Lake
    from include.study.respondents_table import Respondent
    from include.study.study_file import StudyFile


def read_study_files(lake: Lake, study: str) -> list[StudyFile]:
    """Return every study file that applies to a study, its own folder's first.

    Recordings dropped directly under `incoming/` are a study too, of which a study file
    there speaks as well.

    Raises:
        PermanentInputError: One of them cannot be understood; the sentence says why.
        TransientError: The lake failed for now.
    """
    found = []
    for folder in folders_of(study):
        for name in study_file.NAMES:
            try:
                content = lake.read_head(f"{folder}/{name}", study_file.MAX_BYTES + 1)
            except FileNotFoundError:
                continue
            found.append(study_file.parse_study_file(study, name, content))
    return found


def study_seating(lake: Lake, study: str) -> Seating:
    """Return who is expected in each recording, by the first study file that says so.

    Raises:
        PermanentInputError: A study file cannot be understood; the sentence says why.
        TransientError: The lake failed for now.
    """
    declared = (file.seating for file in read_study_files(lake, study))
    return next((seating for seating in declared if seating.declared), ONE_RESPONDENT)


def people_of(lake: Lake, study: str, recordings: Iterable[str]) -> Respondents:
    """Return who is seen in which recording; nobody is known where the study has no such file.

    Args:
        lake: Where the file lies.
        study: Name of the study.
        recordings: Every recording that the study has or had (`Ledger.names`).

    Raises:
        PermanentInputError: A line cannot be understood; the sentence names it.
        TransientError: The lake failed for now.
    """
    return Respondents(study, read_respondents(lake, study), frozenset(recordings))


def read_respondents(lake: Lake, study: str) -> dict[str, Respondent]:
    """Return the lines of the file, by the recording's name as it was typed; empty without one.

    Typed names are never compared with recordings directly: see `people_of`.

    Raises:
        PermanentInputError: A line cannot be understood; the sentence names it.
        TransientError: The lake failed for now.
    """
    found: dict[str, Respondent] = {}
    for folder in folders_of(study):
        key = f"{folder}/{respondents_table.FILE}"
        try:
            content = lake.read_head(key, respondents_table.MAX_BYTES + 1)
        except FileNotFoundError:
            continue
        found = respondents_table.parse_respondents(study, content) | found
    return found


def folders_of(study: str) -> list[str]:
    """Where files of a study lie; recordings directly under `incoming/` are a study too."""
    own = f"{keys.INCOMING}/{study}"
    return [own, keys.INCOMING] if study == UNSORTED else [own]
