"""Consent taken back after a recording was published: its results leave everything that reads them.

Readers ask `Withdrawals`, which looks into `respondents.csv` itself: a withdrawal holds from the
moment it is written there. The intake then sets the recording aside in the ledger, takes its
figures out of what was gathered before, and tells people how to erase it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from include.composition import build_notifier
from include.contracts.errors import PermanentInputError
from include.contracts.identity import stable_hash
from include.contracts.reasons import QuarantineCode
from include.observability.notice import Notice, Severity
from include.pipeline.quarantine import withdraw_recording
from include.pipeline.study_files import people_of
from include.study.consent import withdrawn
from include.study.respondents import Respondents

if TYPE_CHECKING:
    from include.composition import Services
    from include.ledger.ledger import Recording

log = logging.getLogger(__name__)


class Withdrawals:
    """Which recordings are taken out of results. Reads each study once.

    Attributes:
        unread: Studies whose table cannot be read, with the sentence that says why.
        left_out: Study and name of every recording that was asked about and is out because
            consent was withdrawn.
    """

    def __init__(self, services: Services, *, unread_stay_out: bool = True) -> None:
        """Read nothing yet.

        Args:
            services: Lake and ledger.
            unread_stay_out: Whether all of a study whose table cannot be read stays out: who
                withdrew since the intake last read it is not known.
        """
        self.unread: dict[str, str] = {}
        self.left_out: set[tuple[str, str]] = set()
        self._services = services
        self._unread_stay_out = unread_stay_out
        self._people: dict[str, Respondents] = {}
        self._set_aside: dict[str, frozenset[str]] = {}

    def holds(self, study: str, recording: str) -> bool:
        """Whether results of a recording may not be read.

        Raises:
            TransientError: The lake failed for now.
        """
        people = self.people(study)
        if study in self.unread and self._unread_stay_out:
            return True
        taken_back = recording in self._set_aside[study] or any(
            line.consent.withdrawn for line in people.speaking_of(recording)
        )
        if taken_back:
            self.left_out.add((study, recording))
        return taken_back

    def people(self, study: str) -> Respondents:
        """Return who is seen in the recordings of a study; nobody where that cannot be read.

        Raises:
            TransientError: The lake failed for now.
        """
        if study not in self._people:
            self._people[study] = self._read(study)
        return self._people[study]

    def _read(self, study: str) -> Respondents:
        ledger = self._services.ledger
        codes = (QuarantineCode.CONSENT_WITHDRAWN,)
        self._set_aside[study] = frozenset(
            item.recording for item in ledger.quarantined(study, codes)
        )
        try:
            return people_of(self._services.lake, study, ledger.names(study))
        except PermanentInputError as error:
            log.warning("who is seen in study %r is not known: %s", study, error)
            self.unread[study] = error.sentence
            return Respondents(study, {}, ())


def set_aside(services: Services) -> int:
    """Set aside what is published and was withdrawn since; return how many recordings.

    One read of `respondents.csv` for each study with results. A study whose table cannot be
    read is left for the next run; readers leave it out meanwhile.

    Raises:
        TransientError: The lake failed for now; run again.
    """
    found = [
        (recording, error)
        for study in services.ledger.reanalyses.studies()
        for recording, error in _withdrawn(services, study)
    ]
    if not found:
        return 0
    from include.pipeline.drift import figures
    from include.pipeline.labelling import tables

    # Gathered figures and tables first: the ledger's rows are how a killed run finds the rest.
    ids = [recording.id for recording, _ in found]
    figures.forget(services, services.ledger.erasure.analyses(ids))
    for recording, error in found:
        log.warning("%r: %s", recording.key, error)
        withdraw_recording(services.lake, services.ledger, recording, error)
    tables.refresh(services)
    _tell(services, [recording for recording, _ in found])
    return len(found)


def _withdrawn(services: Services, study: str) -> Iterable[tuple[Recording, PermanentInputError]]:
    try:
        people = people_of(services.lake, study, services.ledger.names(study))
    except PermanentInputError as error:
        log.warning("%s", error)
        return
    for recording in services.ledger.published(study):
        lines = people.speaking_of(recording.recording)
        if any(line.consent.withdrawn for line in lines):
            now = services.ledger.clock()
            faults = [fault for line in lines for fault in line.consent.contradictions(now)]
            yield recording, withdrawn(study, recording.recording, lines, faults)


def _tell(services: Services, recordings: list[Recording]) -> None:
    """Tell people, without a name: notices outlive an erasure."""
    for study in sorted({recording.study for recording in recordings}):
        mine = sorted(item.object_id for item in recordings if item.study == study)
        build_notifier(services).send(
            Notice(
                key=f"withdrawn/{stable_hash({'recordings': mine})}",
                severity=Severity.WARNING,
                title=f"Consent was withdrawn for {len(mine)} recording(s)",
                body=(
                    f"Of study {study!r}. Their results are in no table, audit, label queue or "
                    "training any more; the originals and results themselves are kept until "
                    "somebody erases them: `erase_respondent`, or the command in the "
                    "reason.json of each under `quarantine/`."
                ),
                link=services.lake.uri("quarantine"),
            )
        )
