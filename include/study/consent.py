"""Consent of the people seen in a recording, as `respondents.csv` carries it.

`consent` is the version of the notice that the person agreed to, `consent_at` when,
`consent_withdrawn_at` when they took it back. Whatever stands in the last one takes the
recording out: a date that cannot be read is still a withdrawal.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode
from include.study.dates import Moment, read_moment

if TYPE_CHECKING:
    from include.study.respondents_table import Respondent

VERSION, GIVEN_AT, WITHDRAWN_AT = COLUMNS = ("consent", "consent_at", "consent_withdrawn_at")
FILE = "respondents.csv"

_NOTHING = frozenset({"", "-", "–", "—", "/", "n/a", "na", "none", "null", "no", "nein", "non"})
_NOT_GIVEN = _NOTHING | {
    *("n", "false", "falsch", "0", "?", "tbd", "open", "offen", "pending", "missing", "fehlt"),
    *("refused", "denied", "declined", "verweigert", "abgelehnt", "not given", "not yet"),
}
_TAKEN_BACK = frozenset(
    {"withdrawn", "revoked", "widerrufen", "zurückgezogen", "retiré", "retired"}
)
_CLOCKS_APART = timedelta(minutes=10)
"""How far the clock of whoever wrote a time may run ahead of ours."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What one line says of consent.

    Attributes:
        version: Version of the notice that was agreed to; empty where none was.
        given_at: When; None where it is not said.
        withdrawn: Whether it was taken back.
        withdrawn_at: When; None where it was not, or the day cannot be read.
        faults: Clauses about cells that cannot be read, each with its column.
    """

    version: str = ""
    given_at: Moment | None = None
    withdrawn: bool = False
    withdrawn_at: Moment | None = None
    faults: tuple[str, ...] = ()

    def contradictions(self, now: datetime) -> tuple[str, ...]:
        """Return what cannot be as it is written, as clauses.

        Args:
            now: Aware.
        """
        found = list(self.faults)
        for column, at in ((GIVEN_AT, self.given_at), (WITHDRAWN_AT, self.withdrawn_at)):
            if at is not None and at.earliest > now + _CLOCKS_APART:
                found.append(f"{column} {at.text!r} lies in the future")
        if self.given_at is not None and not self.version and not self.withdrawn:
            found.append(f"{GIVEN_AT} {self.given_at.text!r} stands without a version in {VERSION}")
        if (
            self.given_at is not None
            and self.withdrawn_at is not None
            and self.withdrawn_at.latest < self.given_at.earliest
        ):
            found.append(
                f"{WITHDRAWN_AT} {self.withdrawn_at.text!r} lies before {GIVEN_AT} "
                f"{self.given_at.text!r}; if consent was given again, empty {WITHDRAWN_AT}"
            )
        return tuple(found)


def read_consent(cells: Mapping[str, str]) -> Consent:
    """Read the three cells of a line; cells that are not there are empty."""
    faults: list[str] = []
    version = cells.get(VERSION, "")
    taken_back = cells.get(WITHDRAWN_AT, "")
    withdrawn = taken_back.casefold() not in _NOTHING or version.casefold() in _TAKEN_BACK
    return Consent(
        version="" if version.casefold() in _NOT_GIVEN | _TAKEN_BACK else version,
        given_at=_moment(GIVEN_AT, cells.get(GIVEN_AT, ""), faults),
        withdrawn=withdrawn,
        withdrawn_at=_moment(WITHDRAWN_AT, taken_back, faults),
        faults=tuple(faults),
    )


def misspelt_column(columns: Iterable[str]) -> tuple[str, str] | None:
    """Return a column that is meant as one of the three and is none, with the right name."""
    for column in columns:
        if column in COLUMNS:
            continue
        near = difflib.get_close_matches(column, COLUMNS, n=1, cutoff=0.8)
        speaks = any(part in column for part in ("consent", "withdr", "widerruf", "einwillig"))
        if near or speaks:
            wanted = WITHDRAWN_AT if "withdr" in column or "widerruf" in column else VERSION
            return column, near[0] if near else wanted
    return None


def require_consent(
    study: str,
    recording: str,
    lines: Sequence[Respondent],
    *,
    required: bool,
    now: datetime,
    hint: str = "",
) -> None:
    """Hold a recording to what its lines say of consent.

    Args:
        study: Name of the study.
        recording: Name of the recording.
        lines: Every line of the table that speaks of it; of several people each needs one.
        required: Whether a consent must be there.
        now: Aware.
        hint: Where there is no line: a sentence on what may have been meant, or empty.

    Raises:
        PermanentInputError: Consent was withdrawn or is missing, or what is written about it
            cannot be.
    """
    wrong = [(line.line, line.consent.contradictions(now)) for line in lines]
    faults = [f"line {number}: {'; '.join(said)}" for number, said in wrong if said]
    if any(line.consent.withdrawn for line in lines):
        raise withdrawn(study, recording, lines, faults)
    if faults:
        raise PermanentInputError(
            QuarantineCode.BAD_STUDY_FILE,
            f"{FILE} of study {study!r}, recording {recording!r}, {'; '.join(faults)}.",
            "Correct the line; the recording is then taken up by itself.",
        )
    if required and not (lines and all(line.consent.version for line in lines)):
        missing = [line.line for line in lines if not line.consent.version]
        where = f"line {missing[0]} has no version of the notice in `{VERSION}`" if missing else ""
        raise PermanentInputError(
            QuarantineCode.CONSENT_MISSING,
            f"Recording {recording!r} of study {study!r} was not decoded: the study requires "
            f"consent, and in {FILE} {where or 'no line names this recording'}.{hint}",
            f"Write its line in incoming/{study}/{FILE}, with {VERSION} and {GIVEN_AT}: "
            "the version of the notice that the person agreed to, and when; the recording is then "
            "taken up by itself.",
        )


def withdrawn(
    study: str, recording: str, lines: Sequence[Respondent] = (), faults: Sequence[str] = ()
) -> PermanentInputError:
    """Return the refusal of a recording whose consent was taken back, with the way to erase it.

    Args:
        study: Name of the study.
        recording: Name of the recording.
        lines: What the table says of it; nothing where its line was removed since.
        faults: What in it cannot be, as clauses.
    """
    at = next((line.consent.withdrawn_at for line in lines if line.consent.withdrawn_at), None)
    number = next((f", line {line.line}" for line in lines if line.consent.withdrawn), "")
    named = shlex.join([study, "--recording", recording])
    return PermanentInputError(
        QuarantineCode.CONSENT_WITHDRAWN,
        f"Consent for recording {recording!r} of study {study!r} was withdrawn"
        f"{f' ({at.text})' if at else ''}, says {FILE}{number}: it is not decoded, and its results "
        "are in no table, audit, label queue or training any more."
        + (f" To be corrected in {'; '.join(faults)}." if faults else ""),
        f"Erase what is kept of it: `python -m include.pipeline.erasure {named} --asked-by NAME`, "
        "or start the DAG `erase_respondent`. If the line is wrong, correct it; the recording is "
        "then taken up by itself.",
    )


def _moment(column: str, text: str, faults: list[str]) -> Moment | None:
    if text.casefold() in _NOTHING:
        return None
    try:
        return read_moment(text)
    except ValueError as error:
        faults.append(f"{column}: {error}")
        return None
