"""`study.yaml`: what a study says about itself.

purpose: market_research
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode

NAMES = ("study.yaml", "study.yml")
MAX_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class StudyFile:
    """What one study file declares.

    Attributes:
        purpose: What the study is for, as written, without spaces around it.
    """

    purpose: str


def parse_study_file(study: str, name: str, content: bytes) -> StudyFile:
    """Read a study file.

    Args:
        study: Name of the study, for sentences.
        name: The file's name, for sentences.
        content: Its bytes; one more than `MAX_BYTES` suffice to refuse it.

    Raises:
        PermanentInputError: It cannot be understood; the sentence says why.
    """
    if len(content) > MAX_BYTES:
        raise bad_study_file(study, name, f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        declared: object = yaml.safe_load(content.decode("utf-8-sig"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: bytes that are no UTF-8, and dates that do not exist.
        problem = " ".join(str(error).split())[:200]
        raise bad_study_file(study, name, f"is not valid YAML ({problem})") from error
    if not isinstance(declared, dict):
        raise bad_study_file(study, name, "is not a list of `key: value` lines")
    return StudyFile(purpose=_purpose(study, name, declared))


def bad_study_file(study: str, name: str, problem: str) -> PermanentInputError:
    """Return the refusal of a study file; `problem` is a clause about it."""
    return PermanentInputError(
        QuarantineCode.BAD_STUDY_FILE,
        f"{name} of study {study!r} {problem}.",
        "Correct the file (it needs at least a line such as `purpose: market_research`); the "
        "recordings are then taken up by themselves.",
    )


def _purpose(study: str, name: str, declared: Mapping[object, object]) -> str:
    purpose = declared.get("purpose")
    if not isinstance(purpose, str) or not purpose.strip():
        raise bad_study_file(study, name, "has no `purpose`, or it is not a text")
    return purpose.strip()
