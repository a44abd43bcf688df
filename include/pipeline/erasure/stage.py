"""Erase a respondent: resolve who, make sure that nobody works on it, take away, look again.

Derived objects go before originals, and the ledger's rows after them. Then everything is
looked through for what is left, and only when nothing is left the record says that it is
done. The record names nobody; what an erasure that is not done looks for is kept apart, until
it is.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from include.contracts.errors import ConfigurationError, PlatformError
from include.lake import keys
from include.ledger.audit_tables import Deed
from include.pipeline.erasure import asked, labels, lines, opened, register, results, training_data
from include.pipeline.erasure.record import RECORD, Left, Record
from include.pipeline.erasure.scan.places import scan
from include.pipeline.erasure.subject import Subject, find

if TYPE_CHECKING:
    from include.composition import Services
    from include.pipeline.erasure.opened import Opened
    from include.pipeline.erasure.scan.wanted import Wanted

log = logging.getLogger(__name__)


def run(
    services: Services,
    run_id: str,
    *,
    study: str,
    respondent: str = "",
    recordings: Collection[str] = (),
    without: Collection[str] = (),
    asked_by: str,
) -> Record:
    """Erase everything of a respondent's recordings; return the record of it.

    Safe to repeat after a kill at any point: the same run goes on, and a run that is done
    returns its record. A run that found something left has no `done_at`: once that is dealt
    with, run it again. Recordings of the same bytes under other names, or in other studies,
    go with them.

    Args:
        services: Collaborators.
        run_id: Identity of the run.
        study: Name of the study, as typed.
        respondent: Id in the study's respondents.csv; empty where `recordings` says it all.
        recordings: Names of recordings of the study, as typed.
        without: Lines of the request (names as typed) that match nothing or several and that
            it goes on without.
        asked_by: Who answers for it; kept in the record.

    Returns:
        Who asked for it and when it was done, how much of what was erased and looked
        through, and `left`: what was found (place, what, what to do), empty when it is done.
        In the lake's own copy of the record the places are written without names.

    Raises:
        ConfigurationError: There is nobody and nothing of that name, a line of the request is
            not resolved (each is named), or no `asked_by`. Nothing was erased.
        PermanentInputError: respondents.csv has a line that cannot be understood.
        PlatformError: A recording is being worked on, or a retraining that has not ended
            holds a face: nothing was erased, run again when that has ended.
        TransientError: The lake failed for now; run again.
    """
    if not asked_by.strip():
        raise ConfigurationError("asked_by", "names the person who answers for the erasure")
    record = services.lake.find(RECORD, keys.erasure(run_id))
    if record is not None and record.done:
        return record
    if record is not None and record.nothing_left_at is not None:
        return _close(services, run_id, record)
    known = opened.find(services, run_id)
    if known is None:
        request = asked.resolve(services, study, respondent, recordings, without)
        subject = find(services, request.study, request.names)
        faces = training_data.labelled_faces(services, subject)
        _require_idle(services, subject, faces)
        known = opened.begin(
            services, request, subject, faces=faces, lines=_lines(services, subject)
        )
    else:
        known, subject = opened.merged(known, _found_again(services, known))
        faces = training_data.labelled_faces(services, subject)
        _require_idle(services, subject, faces)
    opened.write(services, run_id, known)
    if record is None:
        record = _write(services, run_id, Record(asked_by, _now(services), known.without))
        _write_down(services, run_id, record, "begun")
    register.note(services.settings, run_id, subject.places, services.ledger.clock())
    erased = _erase(services, subject, faces, known)
    record = _write(services, run_id, replace(record, erased=_added(record, erased)))
    services.ledger.erasure.forget(subject.upload_ids, subject.extraction_ids)
    log.info("erased: %s", erased)
    _scrub(services)
    return _look(services, run_id, known, record)


def require_done(record: Record) -> None:
    """Fail where a record is not done: for callers whose success people take for the end.

    Raises:
        PlatformError: Something is left; the sentence says how much, and where to read of it.
    """
    if not record.done:
        raise PlatformError(
            f"erased, but {len(record.left)} place(s) still hold something of the person: the "
            "record is open. What they are and what to do: `erasures/open/` in the lake, under "
            "this run's name; then run it again (clear the task, or --run-id)"
        )


def _erase(
    services: Services, subject: Subject, faces: frozenset[str], known: Opened
) -> dict[str, int]:
    return {
        "recordings": len(subject.places),
        "uploads": len(subject.uploads),
        "retraining": training_data.erase(services, subject, faces),
        **labels.erase(services, subject),
        **results.erase(services, subject),
        "originals": results.erase_originals(services, subject),
        "lines": _take_out(services, known),
    }


def _take_out(services: Services, known: Opened) -> int:
    """Take the person's lines out of the tables of respondents; return how many."""
    by_study: dict[str, set[str]] = {}
    for study, typed in known.lines:
        by_study.setdefault(study, set()).add(typed)
    return sum(lines.take_out(services, study, typed) for study, typed in by_study.items())


def _added(record: Record, erased: dict[str, int]) -> dict[str, int]:
    """Add up what several tries of one run erased; recordings are the same ones each time."""
    before = record.erased
    fixed = ("recordings", "uploads")
    return {
        name: max(before.get(name, 0), count) if name in fixed else before.get(name, 0) + count
        for name, count in erased.items()
    }


def _found_again(services: Services, known: Opened) -> Subject:
    """Return what belongs to the recordings by now, from each study they lie in."""
    subjects = [
        find(services, study, {name for place, name in known.places if place == study})
        for study in sorted({place for place, _ in known.places})
    ]
    uploads = {row.id: row for one in subjects for row in one.uploads}
    return Subject(
        frozenset().union(*(one.places for one in subjects)),
        tuple(uploads[number] for number in sorted(uploads)),
        frozenset().union(*(one.extraction_ids for one in subjects)),
        frozenset().union(*(one.analysis_ids for one in subjects)),
    )


def _lines(services: Services, subject: Subject) -> set[tuple[str, str]]:
    """Return study and typed name of every line in a table that means one of the recordings."""
    return {
        (study, typed)
        for study in {place for place, _ in subject.places}
        for typed in lines.lines_of(
            services, study, {name for place, name in subject.places if place == study}
        )
    }


def _scrub(services: Services) -> None:
    try:
        services.ledger.erasure.scrub()
    except OperationalError as error:
        # The search reads the file's bytes and says so.
        log.warning("the ledger's file could not be cleared of deleted rows: %s", error.orig)


def _look(services: Services, run_id: str, known: Opened, record: Record) -> Record:
    """Look through everything; close the record when nothing is left, else say what is."""
    looked_for = opened.wanted(services, known)
    mine = frozenset({keys.open_erasure(run_id), keys.erasure(run_id)})
    found = scan(services, looked_for, leave_out=mine)
    record = replace(
        record,
        looked_through=dict(found.looked),
        looked_at=_now(services),
        not_looked_into=[looked_for.masked(place) for place in found.opaque],
    )
    if not found.found:
        clear = replace(record, left=[], nothing_left_at=_now(services))
        return _close(services, run_id, _write(services, run_id, clear))
    told = [Left(one.place, one.what, one.do) for one in found.found]
    if found.more:
        told.append(Left(f"{found.more} more", "", "run again after these"))
    opened.write(services, run_id, replace(known, left=told))
    _write(services, run_id, replace(record, left=_masked(told, looked_for)))
    log.warning("not done: %d place(s) still hold something of the person", len(told))
    return replace(record, left=told)


def _masked(told: list[Left], looked_for: Wanted) -> list[Left]:
    return [replace(one, place=looked_for.masked(one.place)) for one in told]


def _close(services: Services, run_id: str, record: Record) -> Record:
    """Forget whom it was about, then say that it is done."""
    services.lake.erase_versions(keys.open_erasure(run_id))
    _write_down(services, run_id, record, "done")
    return _write(services, run_id, replace(record, done_at=_now(services)))


def _write_down(services: Services, run_id: str, record: Record, state: str) -> None:
    """Write into the audit log who had somebody erased; whom is forgotten there as well."""
    services.ledger.audit.append(
        Deed.ERASURE,
        who=record.asked_by,
        what=keys.erasure(run_id),
        detail={"state": state},
        once=f"{run_id}/{state}",
    )


def _require_idle(services: Services, subject: Subject, faces: frozenset[str]) -> None:
    """Hold the rows, so that no queue hands them out; refuse while somebody has them in hand."""
    training = training_data.under_way(services, faces)
    if training:
        raise PlatformError(
            f"retraining {', '.join(training)} holds faces of this person and has not ended: "
            "nothing was erased; run again when it has ended (its approval may be rejected)"
        )
    busy = services.ledger.erasure.hold(subject.upload_ids, services.settings.discovery.lease_s)
    if busy:
        batches = sorted({row.batch_id or "a re-analysis" for row in busy})
        raise PlatformError(
            f"{len(busy)} recording(s) are being analysed ({', '.join(batches)}): nothing was "
            "erased; run again when that has ended"
        )


def _write(services: Services, run_id: str, record: Record) -> Record:
    return services.lake.write(RECORD, keys.erasure(run_id), record)


def _now(services: Services) -> str:
    return services.ledger.clock().isoformat()
