"""What a request means: every name in it matched with what exists, or the request refused.

A request names recordings, or a respondent whose lines in `respondents.csv` name them, as
people type. Nothing is erased until each of these lines is resolved: it means one recording,
or whoever asks says that the request goes on without it.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.errors import ConfigurationError
from include.contracts.identity import slug
from include.contracts.published import PUBLISHED_MANIFEST
from include.lake import keys
from include.pipeline.study_files import read_respondents
from include.study.naming import KnownNames, NameMatch, folded
from include.study.respondents import Respondents
from include.study.respondents_table import FILE

if TYPE_CHECKING:
    from include.composition import Services
    from include.study.respondents_table import Respondent

_MAX_TOLD = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is resolved.

    Attributes:
        study: Name of the study, as it is in the lake.
        names: Recordings that are meant, as they are in the lake.
        respondents: Ids of the respondent, as they stand in the table; empty where recordings
            were named.
        lines: Lines of the table that are the person's: the names in them, as typed.
        without: How many lines the request goes on without.
    """

    study: str
    names: frozenset[str]
    respondents: frozenset[str]
    lines: frozenset[str]
    without: int


def resolve(
    services: Services,
    study: str,
    respondent: str,
    recordings: Collection[str],
    without: Collection[str],
) -> Asked:
    """Match a request with what exists.

    Args:
        services: Collaborators.
        study: Name of the study, as typed.
        respondent: Id of a respondent, as typed; empty for none.
        recordings: Names of recordings, as typed.
        without: Lines that the request goes on without although they are not resolved.

    Raises:
        ConfigurationError: A line matches nothing or several and is not in `without`, or
            nobody and nothing is asked for; every such line is named.
        PermanentInputError: respondents.csv has a line that cannot be understood.
        TransientError: The lake failed for now.
    """
    recordings = [name for name in recordings if name.strip()]
    if not respondent.strip() and not recordings:
        raise ConfigurationError("recordings", "name a respondent, or recordings of the study")
    study = _study(services, study)
    table = read_respondents(services.lake, study)
    people = _alike(study, table, respondent) if respondent.strip() else frozenset()
    lines = [typed for typed, seen in table.items() if seen.respondent in people]
    known = frozenset(_names(services, study))
    names, told = KnownNames(known, folder=study), Respondents(study, table, known).matched
    matches = [
        told[typed] if typed in told and told[typed].candidates else names.match(typed)
        for typed in dict.fromkeys([*lines, *recordings])
    ]
    found = frozenset(match.found for match in matches if match.found is not None)
    problems = {
        match.typed: _problem(study, match)
        for match in matches
        # All that it may be goes in any case: nothing is left open.
        if not (match.candidates and found.issuperset(match.candidates))
    }
    named = {names.match(typed, nearest_n=0).found for typed in recordings}
    mine = {typed for typed, match in told.items() if match.found in found}
    problems |= {
        typed: f"{FILE} of study {study!r} gives {told[typed].found!r} to another respondent as "
        f"well, in the line {typed!r}"
        for typed in sorted(mine.difference(lines))
        if people and told[typed].found not in named
    }
    left_out = _left_out(problems, without)
    _require_resolved({typed: said for typed, said in problems.items() if typed not in left_out})
    if not found:
        raise ConfigurationError("recordings", "nothing is left of the request: no line matches")
    return Asked(study, found, people, frozenset(mine.union(lines)), len(left_out))


def _study(services: Services, typed: str) -> str:
    known = services.ledger.erasure.studies()
    known |= {item.study for item in services.lake.list_incoming()}
    match = KnownNames(known, endings=False).match(typed)
    if match.ambiguous:
        raise ConfigurationError("study", str(match.problem))
    # A study that only its results remember is found by its name as it is.
    if match.found is None and not (
        read_respondents(services.lake, typed)
        or any(services.lake.list(f"{keys.PUBLISHED}/{slug(typed)}"))
    ):
        raise ConfigurationError("study", f"there is no such study: {match.problem}")
    return match.found or typed


def _names(services: Services, study: str) -> Iterator[str]:
    """Yield every recording of a study: dropped, in the ledger, or published."""
    yield from services.ledger.names(study)
    yield from (item.recording for item in services.lake.list_incoming() if item.study == study)
    seen: set[str] = set()
    for key in services.lake.list(f"{keys.PUBLISHED}/{slug(study)}"):
        folder = posixpath.dirname(posixpath.dirname(key))
        if posixpath.basename(key) == keys.PUBLISHED_MANIFEST and folder not in seen:
            seen.add(folder)
            manifest = services.lake.read(PUBLISHED_MANIFEST, key)
            if manifest.study == study:
                yield manifest.recording


def _alike(study: str, table: dict[str, Respondent], typed: str) -> frozenset[str]:
    """Return a respondent's id as it stands in the table, in each of its Unicode forms."""
    ids = {seen.respondent for seen in table.values()}
    match = KnownNames(ids, endings=False).match(typed)
    if not match.candidates:
        raise ConfigurationError(
            "respondent",
            f"{FILE} of study {study!r} names no recording of {typed!r}"
            f"{'; the nearest: ' + ' or '.join(map(repr, match.nearest)) if match.nearest else ''}"
            "; correct the id, or name the recordings instead",
        )
    alike = {one for one in ids if folded(one) == folded(match.candidates[0])}
    forms = {unicodedata.normalize("NFC", one) for one in alike}
    if len(forms) > 1:
        raise ConfigurationError(
            "respondent",
            f"{FILE} of study {study!r} has {' and '.join(map(repr, sorted(forms)))}: if they are "
            "one person, write one of them everywhere; else name the recordings instead",
        )
    return frozenset(alike)


def _problem(study: str, match: NameMatch) -> str:
    if match.ambiguous:
        return str(match.problem)
    near = f" (the nearest: {' or '.join(map(repr, match.nearest))})" if match.nearest else ""
    return f"study {study!r} has no recording {match.typed!r}{near}"


def _left_out(problems: dict[str, str], without: Iterable[str]) -> set[str]:
    """Return the lines that the request goes on without.

    Raises:
        ConfigurationError: One of `without` names no line that is open.
    """
    lines = KnownNames(problems)
    found = set()
    for typed in without:
        match = lines.match(typed)
        if match.found is None:
            raise ConfigurationError(
                "without", f"no open line of this request is {typed!r}: {match.problem}"
            )
        found.add(match.found)
    return found


def _require_resolved(problems: dict[str, str]) -> None:
    if not problems:
        return
    told = list(problems.values())
    more = f"; and {len(told) - _MAX_TOLD} more" if len(told) > _MAX_TOLD else ""
    raise ConfigurationError(
        "recordings",
        f"nothing was erased: {len(told)} line(s) of the request are not resolved: "
        f"{'; '.join(told[:_MAX_TOLD])}{more}. Correct each in the request or in {FILE}, or go on "
        "without it (`--without NAME`, field `without`)",
    )
