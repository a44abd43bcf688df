"""The gate: what a study says of itself must allow that its recordings are decoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode
from include.contracts.study_names import Role, how_to_correct
from include.lake import keys
from include.pipeline.study_files import read_study_files
from include.study.purpose import require_allowed, require_harmless

if TYPE_CHECKING:
    from include.lake.originals import IncomingObject
    from include.lake.store import Lake
    from include.settings import DiscoverySettings

CODES = (
    QuarantineCode.PURPOSE_DENIED,
    QuarantineCode.PURPOSE_MISSING,
    QuarantineCode.BAD_STUDY_FILE,
    QuarantineCode.STUDY_FILE_TO_CORRECT,
)
"""Why the gate sets recordings aside: each is lifted by correcting a file of the study."""


class StudyGate:
    """Judges studies by their files. Made anew for each run of the intake."""

    def __init__(
        self, lake: Lake, settings: DiscoverySettings, dropped: Iterable[IncomingObject]
    ) -> None:
        """Take in one complete listing of `incoming/`."""
        self._lake = lake
        self._settings = settings
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

    def require(self, study: str) -> None:
        """Check a study before anything of it is decoded.

        Raises:
            PermanentInputError: A file of the study is to be corrected, or its purpose is not
                allowed.
            TransientError: A study file cannot be read for now.
        """
        # First: what stands in a file that is not read could be a denial.
        for problem in self._to_correct.get(study, ()):
            raise problem
        require_purpose(self._lake, study, self._settings)


def require_purpose(lake: Lake, study: str, settings: DiscoverySettings) -> None:
    """Check what the study files say; every one that is there must allow the study.

    Without a study file the default purpose applies, where there is one.

    Raises:
        PermanentInputError: The purpose is denied, not on the list or not stated, or a study
            file cannot be understood.
        TransientError: A study file cannot be read for now.
    """
    require_harmless(study, "has the name", study)
    declared = read_study_files(lake, study)
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
