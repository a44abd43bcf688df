"""Who is seen in which recording: the lines of `respondents.csv` met with the recordings."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from include.contracts.spoiled_cells import number_of
from include.study.naming import KnownNames, NameMatch
from include.study.respondents_table import FILE

if TYPE_CHECKING:
    from include.study.respondents_table import Respondent


_HINTED_MAX = 50
"""Among more lines than these without a recording, none is looked for as the one that is meant."""


class Respondents:
    """The people of a study. Names in the table are matched as people type them.

    Attributes:
        table: What the file says, by the recording's name as it was typed; ids in one
            Unicode form.
        unsettled: Lines that match no recording, or may be several: they say nothing.
        matched: What each line stands for, by the name as typed.
        contradicting: Recordings of which two lines say different things, sorted: nobody
            is known to be seen in them.
    """

    def __init__(
        self, study: str, table: Mapping[str, Respondent], recordings: Collection[str]
    ) -> None:
        """Match a table's lines.

        Args:
            study: Name of the study.
            table: What the file says, by the recording's name as it was typed.
            recordings: Every recording that the study has or had.
        """
        self.study = study
        self.table = {
            typed: replace(seen, respondent=unicodedata.normalize("NFC", seen.respondent))
            for typed, seen in table.items()
        }
        names = KnownNames(recordings, folder=study)
        self._known = frozenset(recordings)
        self._lines: dict[str, list[str]] = {}
        self.matched: dict[str, NameMatch] = {}
        numbered = _numbered(recordings)
        for typed in table:
            match = names.match(typed, nearest_n=0)
            if match.found is None and not match.candidates:
                match = _as_number(match, numbered)
            self.matched[typed] = match
            if match.found is not None:
                self._lines.setdefault(match.found, []).append(typed)
        self.unsettled = tuple(one for one in self.matched.values() if one.found is None)
        self.contradicting = tuple(
            recording for recording in sorted(self._lines) if self._agreed(recording) is None
        )

    def of(self, recording: str) -> Respondent | None:
        """Return who is seen in a recording; None where no line says so, or lines disagree."""
        if recording not in self._known:
            # Published before the ledger knew of it, or by another one.
            return Respondents(self.study, self.table, (recording,)).of(recording)
        return self._agreed(recording)

    def lines_of(self, recording: str) -> tuple[str, ...]:
        """Return the names, as typed, of the lines that speak of a recording."""
        return tuple(self._lines.get(recording, ()))

    def speaking_of(self, recording: str) -> tuple[Respondent, ...]:
        """Return every line that speaks of a recording, whether they agree or not."""
        if recording not in self._known:
            return Respondents(self.study, self.table, (recording,)).speaking_of(recording)
        return tuple(self.table[typed] for typed in self.lines_of(recording))

    def hint(self, recording: str) -> str:
        """Return a sentence on the line that may be meant for a recording without one, or ""."""
        for match in self.unsettled:
            if recording in match.candidates:
                return f" Line {self.table[match.typed].line}: {match.problem}."
        unmatched = [match.typed for match in self.unsettled if not match.ambiguous]
        if len(unmatched) > _HINTED_MAX:
            return ""
        near = KnownNames(unmatched).match(recording).nearest[:1]
        if not near:
            return ""
        return f" Line {self.table[near[0]].line} says {near[0]!r}: is this recording meant?"

    def notes(self) -> list[str]:
        """Return sentences on lines that are left out; they hold no name.

        A line of a recording that was not dropped yet is no fault.
        """
        found = []
        if ambiguous := sum(match.ambiguous for match in self.unsettled):
            found.append(
                f"{ambiguous} line(s) of {FILE} of study {self.study!r} may name several "
                "recordings: they are left out"
            )
        if self.contradicting:
            found.append(
                f"{len(self.contradicting)} recording(s) of study {self.study!r} have lines in "
                f"{FILE} that contradict each other: they are left out"
            )
        return found

    def _agreed(self, recording: str) -> Respondent | None:
        said = [self.table[typed] for typed in self._lines.get(recording, ())]
        return said[0] if said and all(other == said[0] for other in said) else None


def _numbered(recordings: Collection[str]) -> dict[int, list[str]]:
    """Recordings whose names are numbers: spreadsheets write 001 as 1, and 17 as 1.7E+01."""
    found: dict[int, list[str]] = {}
    for name in sorted(recordings):
        number = number_of(PurePosixPath(name).stem)
        if number is not None:
            found.setdefault(number, []).append(name)
    return found


def _as_number(match: NameMatch, numbered: Mapping[int, Sequence[str]]) -> NameMatch:
    """Take a typed name as the number that a spreadsheet made of it, where one is meant."""
    number = number_of(match.typed)
    names = tuple(numbered.get(number, ())) if number is not None else ()
    return NameMatch(match.typed, names[0] if len(names) == 1 else None, names)
