"""Erase a respondent: find, make sure that nobody works on it, take away, write that it was done.

Derived objects go before originals, and the ledger's rows last: they are how a run that was
killed finds again what is left. The record of it names nobody.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from include.contracts.errors import ConfigurationError, PlatformError
from include.lake import keys
from include.pipeline.erasure import labels, learning, results
from include.pipeline.erasure.subject import Subject, find
from include.study.respondents_table import FILE, MAX_BYTES

if TYPE_CHECKING:
    from include.composition import Services

log = logging.getLogger(__name__)

DONE = "done_at"


def run(
    services: Services,
    run_id: str,
    *,
    study: str,
    respondent: str = "",
    recordings: Collection[str] = (),
    asked_by: str,
) -> dict[str, Any]:
    """Erase everything of a respondent's recordings; return the record of it.

    Safe to repeat after a kill at any point: the same run goes on, and a run that has ended
    returns its record. Recordings of the same bytes under other names, or in other studies,
    go with them.

    Args:
        services: Collaborators.
        run_id: Identity of the run.
        study: Name of the study, as people wrote it.
        respondent: Id in the study's respondents.csv; empty where `recordings` says it all.
        recordings: Names under the study's folder, with their endings.
        asked_by: Who answers for it; kept in the record.

    Returns:
        When it was done, who asked for it, how much of what was erased, and
        `left_to_people`: what lies in files that are people's, for them to correct.

    Raises:
        ConfigurationError: There is nobody and nothing of that name, or no `asked_by`.
        PermanentInputError: respondents.csv has a line that cannot be understood.
        PlatformError: A recording is being worked on, or a retraining that has not ended
            holds a face: nothing was erased, run again when that has ended.
        TransientError: The lake failed for now; run again.
    """
    if not asked_by.strip():
        raise ConfigurationError("asked_by", "names the person who answers for the erasure")
    key = keys.erasure(run_id)
    before = _read(services, key)
    if DONE in before:
        return before
    try:
        subject = find(services, study, respondent, recordings)
    except ConfigurationError:
        if not before:
            raise
        # Killed between the last row and the record: it had begun, and nothing is left.
        return _write(services, key, {**before, DONE: _now(services)})
    faces = learning.labelled_faces(services, subject)
    _require_idle(services, subject, faces)
    if not before:
        before = _write(services, key, {"asked_by": asked_by, "begun_at": _now(services)})
    erased = {
        "recordings": len(subject.places),
        "uploads": len(subject.uploads),
        "retraining": learning.erase(services, subject, faces),
        **labels.erase(services, subject),
        **results.erase(services, subject),
        "originals": results.erase_originals(services, subject),
    }
    record = {**before, "erased": erased, "left_to_people": _left(services, subject, study)}
    _write(services, key, record)
    services.ledger.erasure.forget(subject.upload_ids, subject.extraction_ids)
    log.info("erased: %s", erased)
    for sentence in record["left_to_people"]:
        log.warning("left to people: %s", sentence)
    return _write(services, key, {**record, DONE: _now(services)})


def _require_idle(services: Services, subject: Subject, faces: frozenset[str]) -> None:
    """Hold the rows, so that no queue hands them out; refuse while somebody has them in hand."""
    training = learning.under_way(services, faces)
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


def _left(services: Services, subject: Subject, study: str) -> list[str]:
    studies = {place for place, _ in subject.places} | {study}
    lines = [
        f"{keys.INCOMING}/{name}/{FILE} still has lines of these recordings: remove them"
        for name in sorted(studies)
        if _declared(services, name, subject)
    ]
    return lines + [
        f"{key} still names faces of these recordings: remove their rows"
        for key in labels.files_to_correct(services, subject)
    ]


def _declared(services: Services, study: str, subject: Subject) -> bool:
    """Whether the study's file names one of the recordings, be it well-formed or not."""
    try:
        content = services.lake.read_head(f"{keys.INCOMING}/{study}/{FILE}", MAX_BYTES)
    except FileNotFoundError:
        return False
    lines = csv.reader(content.decode("utf-8-sig", "replace").splitlines())
    try:
        cells = {cell.strip() for line in lines for cell in line}
    except csv.Error:
        return True  # people have to look at it in any case
    return any(name in cells for place, name in subject.places if place == study)


def _read(services: Services, key: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(services.lake.get_bytes(key))
    except FileNotFoundError:
        return {}
    return content


def _write(services: Services, key: str, record: dict[str, Any]) -> dict[str, Any]:
    services.lake.put_bytes(key, json.dumps(record, indent=1, ensure_ascii=False).encode())
    return record


def _now(services: Services) -> str:
    return services.ledger.clock().isoformat()
