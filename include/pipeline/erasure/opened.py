"""What an erasure that is not done looks for: kept until nothing is found, then deleted.

It is the one document of an erasure that names the person. A run that was killed, or that
found something left, goes on from it: the rows and results that it once read are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from include.lake import keys
from include.pipeline.erasure.record import Left
from include.pipeline.erasure.scan.wanted import Name, Wanted
from include.pipeline.erasure.subject import originals
from include.study.naming import folded, has_ending

if TYPE_CHECKING:
    from include.composition import Services
    from include.pipeline.erasure.asked import Asked
    from include.pipeline.erasure.subject import Subject

_LEAST_ID_LETTERS = 3
"""Shorter ids of respondents ("P1", "7") stand everywhere: they are looked for in tables alone."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Whom and what an erasure looks for. Sorted lists, so that the document is the same.

    Attributes:
        study: The study it was asked for.
        places: Study and name of every recording.
        respondents: Ids of the respondent.
        lines: Study and name as typed, of lines in tables of respondents.
        ids: Recordings, extractions, analyses, objects and labelled faces.
        files: Size in bytes and sha256 of originals.
        without: Lines that were left out of the request.
        left: What was found last.
    """

    study: str
    places: list[tuple[str, str]]
    respondents: list[str] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    extraction_ids: list[str] = field(default_factory=list)
    analysis_ids: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    files: list[tuple[int, str]] = field(default_factory=list)
    without: int = 0
    left: list[Left] = field(default_factory=list)

    @property
    def place_set(self) -> frozenset[tuple[str, str]]:
        """Study and name of every recording."""
        return frozenset(self.places)


OPENED = Form(Opened)


def find(services: Services, run_id: str) -> Opened | None:
    """Return what a run looks for; None where it has not begun, or is done."""
    return services.lake.find(OPENED, keys.open_erasure(run_id))


def write(services: Services, run_id: str, opened: Opened) -> None:
    """Keep what a run looks for."""
    services.lake.write(OPENED, keys.open_erasure(run_id), opened)


def begin(
    services: Services,
    asked: Asked,
    subject: Subject,
    *,
    faces: Iterable[str],
    lines: Iterable[tuple[str, str]],
) -> Opened:
    """Return what to look for, while everything that says so is still there.

    Raises:
        TransientError: The lake failed for now.
    """
    return Opened(
        study=asked.study,
        places=sorted(subject.places),
        respondents=sorted(asked.respondents),
        lines=sorted({*lines, *((asked.study, typed) for typed in asked.lines)}),
        extraction_ids=sorted(subject.extraction_ids),
        analysis_ids=sorted(subject.analysis_ids),
        ids=sorted({*faces, *_ids(subject)}),
        files=_files(services, subject),
        without=asked.without,
    )


def merged(opened: Opened, subject: Subject) -> tuple[Opened, Subject]:
    """Return both with everything that either knows: new uploads may have come meanwhile."""
    whole = replace(
        subject,
        places=subject.places | opened.place_set,
        extraction_ids=subject.extraction_ids | set(opened.extraction_ids),
        analysis_ids=subject.analysis_ids | set(opened.analysis_ids),
    )
    return (
        replace(
            opened,
            places=sorted(whole.places),
            extraction_ids=sorted(whole.extraction_ids),
            analysis_ids=sorted(whole.analysis_ids),
            ids=sorted({*opened.ids, *_ids(whole)}),
        ),
        whole,
    )


def wanted(services: Services, opened: Opened) -> Wanted:
    """Return what the search looks for, told apart from what is other people's.

    A name that a living recording has as well says nothing by itself: the study must stand
    near it. A name without an ending may be any word, and an id of a respondent belongs to
    its study: likewise. A name that another recording of the study has in another case cannot
    be told from it: ids and bytes are looked for alone.
    """
    mine = opened.place_set
    living = {place for place in services.ledger.erasure.living(()) if place not in mine}
    living |= {
        (item.study, item.recording)
        for item in services.lake.list_incoming()
        if (item.study, item.recording) not in mine
    }
    shared = {folded(name) for _, name in living}
    beside = {(study, folded(name)) for study, name in living}
    names = [
        Name(
            name,
            (study,),
            alone=has_ending(name) and folded(name) not in shared,
            within=tuple(
                longer for _, longer in living if longer != name and folded(name) in folded(longer)
            ),
        )
        for study, name in mine
        if (study, folded(name)) not in beside
    ]
    names += [
        Name(one, (opened.study,), alone=False)
        for one in opened.respondents
        if len(one) >= _LEAST_ID_LETTERS
    ]
    files: dict[int, frozenset[str]] = {}
    for size_bytes, digest in opened.files:
        files[size_bytes] = files.get(size_bytes, frozenset()) | {digest}
    ids = {*opened.extraction_ids, *opened.analysis_ids, *opened.ids}
    return Wanted(names, ids.union(*files.values()), files)


def _ids(subject: Subject) -> set[str]:
    rows = subject.uploads
    return {row.object_id for row in rows} | {row.video_id for row in rows if row.video_id}


def _files(services: Services, subject: Subject) -> list[tuple[int, str]]:
    """Return size and sha256 of every original."""
    found = {(row.size_bytes, row.video_id) for row in subject.uploads if row.video_id}
    for key in originals(services.lake, subject.places):
        digest, count = hashlib.sha256(), 0
        for chunk in services.lake.stream_original(key):
            digest.update(chunk)
            count += len(chunk)
        found.add((count, digest.hexdigest()))
    return [pair for pair in sorted(found) if pair[0]]
