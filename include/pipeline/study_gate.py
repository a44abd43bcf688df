"""The gate: what a study says of itself must allow that its recordings are decoded.

Asked by the intake before it claims, and again by the stages that decode and publish: between
the two a purpose may be corrected and a consent taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode
from include.contracts.study_names import Role, how_to_correct
from include.lake import keys
from include.pipeline.study_files import people_of, read_study_files
from include.study.consent import require_consent, withdrawn
from include.study.purpose import require_allowed, require_harmless
from include.study.study_file import REQUIRED

if TYPE_CHECKING:
    from datetime import datetime

    from include.composition import Services
    from include.lake.originals import IncomingObject
    from include.lake.store import Lake
    from include.ledger.ledger import Ledger, Recording
    from include.settings import DiscoverySettings
    from include.study.respondents import Respondents
    from include.study.study_file import StudyFile

STUDY_CODES = (
    QuarantineCode.PURPOSE_DENIED,
    QuarantineCode.PURPOSE_MISSING,
    QuarantineCode.BAD_STUDY_FILE,
    QuarantineCode.STUDY_FILE_TO_CORRECT,
)
CODES = (*STUDY_CODES, QuarantineCode.CONSENT_MISSING, QuarantineCode.CONSENT_WITHDRAWN)
"""Why the gate sets recordings aside: each is lifted by correcting a file of the study."""


@dataclass(frozen=True, slots=True)
class StudyRules:
    """What the files of a study ask of each of its recordings.

    Attributes:
        study: Its name.
        consent_required: Whether every recording needs a consent.
        people: Who is seen in which recording.
        withdrawn: Recordings set aside before because consent was withdrawn. They stay so when
            their line is removed: only a line that says otherwise brings them back.
    """

    study: str
    consent_required: bool
    people: Respondents
    withdrawn: frozenset[str]

    def require(self, recording: str, now: datetime) -> None:
        """Check one recording.

        Raises:
            PermanentInputError: Consent is missing or withdrawn, or what is written about it
                cannot be.
        """
        lines = self.people.speaking_of(recording)
        if not lines and recording in self.withdrawn:
            raise withdrawn(self.study, recording)
        require_consent(
            self.study,
            recording,
            lines,
            required=self.consent_required,
            now=now,
            hint="" if lines or not self.consent_required else self.people.hint(recording),
        )


class StudyGate:
    """Judges studies by their files. Made anew for each run of the intake."""

    def __init__(
        self,
        lake: Lake,
        ledger: Ledger,
        settings: DiscoverySettings,
        dropped: Iterable[IncomingObject],
    ) -> None:
        """Take in one complete listing of `incoming/`."""
        self._lake, self._ledger, self._settings = lake, ledger, settings
        self._to_correct: dict[str, list[PermanentInputError]] = {}
        for item in dropped:
            problem = _to_correct(item)
            if problem is not None:
                self._to_correct.setdefault(item.study, []).append(problem)

    @property
    def to_correct(self) -> list[str]:
        """Sentences on every file that must be corrected before its study goes on."""
        return [
            str(error) for study in sorted(self._to_correct) for error in self._to_correct[study]
        ]

    def study(self, study: str) -> StudyRules:
        """Check a study before anything of it is decoded; return its rules for recordings.

        Raises:
            PermanentInputError: A file of the study is to be corrected, or its purpose is not
                allowed.
            TransientError: A study file cannot be read for now.
        """
        # First: what stands in a file that is not read could be a denial.
        for problem in self._to_correct.get(study, ()):
            raise problem
        return study_rules(self._lake, self._ledger, self._settings, study)


class Admission:
    """The gate as stages ask it: files of each study are read once for all its recordings."""

    def __init__(self, services: Services) -> None:
        """Read nothing yet."""
        self._services = services
        self._rules: dict[str, StudyRules] = {}

    def require(self, recording: Recording) -> None:
        """Check that a recording may still be decoded and published.

        Raises:
            PermanentInputError: Not any longer; the sentence says why.
            TransientError: A study file cannot be read for now.
        """
        services, study = self._services, recording.study
        if study not in self._rules:
            self._rules[study] = study_rules(
                services.lake, services.ledger, services.settings.discovery, study
            )
        self._rules[study].require(recording.recording, services.ledger.clock())


def study_rules(lake: Lake, ledger: Ledger, settings: DiscoverySettings, study: str) -> StudyRules:
    """Check what the files of a study say, and return its rules.

    Raises:
        PermanentInputError: The purpose is denied, not on the list or not stated, or a file
            cannot be understood.
        TransientError: A file cannot be read for now.
    """
    declared = read_study_files(lake, study)
    _require_purpose(study, declared, settings)
    said = {file.consent for file in declared} - {None}
    set_aside = ledger.quarantined(study, (QuarantineCode.CONSENT_WITHDRAWN,))
    return StudyRules(
        study=study,
        # Of two study files that differ the stricter counts.
        consent_required=True in said or (not said and settings.consent == REQUIRED),
        people=people_of(lake, study, ledger.names(study)),
        withdrawn=frozenset(item.recording for item in set_aside),
    )


def _require_purpose(
    study: str, declared: Sequence[StudyFile], settings: DiscoverySettings
) -> None:
    """Every study file that is there must allow the study; without one the default applies."""
    require_harmless(study, "has the name", study)
    for file in declared:
        file.check(study, settings)
    if declared:
        return
    if settings.stated_default is None:
        raise PermanentInputError(
            QuarantineCode.PURPOSE_MISSING,
            f"Study {study!r} has no study.yaml: nobody states what its recordings may be "
            "analysed for.",
            f"Put {keys.INCOMING}/{study}/study.yaml beside them, with a line such as "
            "`purpose: market_research`; they are then taken up by themselves.",
        )
    require_allowed(study, settings.stated_default, settings)


def _to_correct(item: IncomingObject) -> PermanentInputError | None:
    relative = item.key.removeprefix(f"{keys.INCOMING}/")
    if item.role is Role.TO_CORRECT:
        sentence = (
            f"{item.key!r} looks like a study file or a table of respondents, and is not named "
            "and placed like one: it was not read, and the recordings of the study wait."
        )
        remedy = how_to_correct(item.key, relative)
    elif item.role is Role.STUDY_FILE and item.problem is not None:
        sentence = f"{item.key!r} cannot be read: {item.problem}."
        remedy = "Put the file itself there; the recordings are then taken up by themselves."
    else:
        return None
    return PermanentInputError(QuarantineCode.STUDY_FILE_TO_CORRECT, sentence, remedy)
