"""`study.yaml`: what a study says about itself.

purpose: market_research     # one of a closed list
consent: required            # every recording needs a consent in respondents.csv
respondents: 2               # how many people each recording is about; 1 where not said
seats: [left, right]         # where they sit, as seen in the picture
title: Spring campaign       # free text: title, description, notes, client, contact, ...
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from yaml.composer import ComposerError

from include.contracts.errors import PermanentInputError
from include.contracts.purposes import CONSENTED, folded
from include.contracts.reasons import QuarantineCode
from include.contracts.seating import ONE_RESPONDENT, Seating
from include.contracts.spreadsheet import decode_text
from include.contracts.study_names import STUDY
from include.study.purpose import require_allowed, require_harmless
from include.study.seating import read_seating

if TYPE_CHECKING:
    from include.settings import DiscoverySettings

NAMES = STUDY
MAX_BYTES = 64 << 10

PURPOSE, CONSENT = "purpose", "consent"
REQUIRED, NOT_REQUIRED = "required", "not_required"
RULES = (PURPOSE, CONSENT, "respondents", "seats")
"""Keys that decide how recordings are analysed."""
FREE = (
    "title",
    "description",
    "notes",
    "name",
    "study",
    "stimulus",
    "client",
    "contact",
    "owner",
    "country",
    "language",
    "start",
    "end",
    "date",
)
"""Keys for people: read by nobody but the check for denied purposes."""


@dataclass(frozen=True, slots=True)
class StudyFile:
    """What one study file declares.

    Attributes:
        purpose: What the study is for, as written, without spaces around it.
        consent: Whether every recording needs a consent; None where it is not said.
        texts: Free text by key.
        seating: Who is expected in each recording.
    """

    purpose: str
    consent: bool | None = None
    texts: Mapping[str, str] | None = None
    seating: Seating = ONE_RESPONDENT

    def check(self, study: str, settings: DiscoverySettings) -> None:
        """Hold what the file says to the purposes that are allowed.

        Raises:
            PermanentInputError: The purpose is denied or not on the list, or a text states a
                denied context.
        """
        require_allowed(study, self.purpose, settings)
        for key, text in (self.texts or {}).items():
            require_harmless(study, f"says in its {key}", text)


class _WithoutAliases(yaml.SafeLoader):
    """An alias may stand for what holds aliases in turn: written out, a short file is endless."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            where = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, "an alias; write out what it stands for", where)
        found: yaml.Node | None = super().compose_node(parent, index)
        return found


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
        declared = _mapping(study, name, decode_text(content))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: bytes that are no text, and dates that do not exist.
        problem = " ".join(str(error).split())[:200]
        raise bad_study_file(study, name, f"is not valid YAML ({problem})") from error
    known = _known(study, name, declared)
    purpose, consent = _purpose(study, name, known), _consent(study, name, known)
    if consent is False and folded(purpose) == CONSENTED:
        raise bad_study_file(
            study, name, f"says `{CONSENT}: {NOT_REQUIRED}`, and by its purpose that all consented"
        )
    return StudyFile(
        purpose=purpose,
        consent=consent,
        texts={key: str(known[key]) for key in FREE if known.get(key) is not None},
        seating=_seating(study, name, known),
    )


def _seating(study: str, name: str, declared: Mapping[str, object]) -> Seating:
    try:
        return read_seating(declared)
    except ValueError as error:
        raise bad_study_file(study, name, str(error)) from error


def bad_study_file(study: str, name: str, problem: str) -> PermanentInputError:
    """Return the refusal of a study file; `problem` is a clause about it."""
    return PermanentInputError(
        QuarantineCode.BAD_STUDY_FILE,
        f"{name} of study {study!r} {problem}.",
        "Correct the file (it needs at least a line such as `purpose: market_research`); the "
        "recordings are then taken up by themselves.",
    )


def _mapping(study: str, name: str, text: str) -> Mapping[object, object]:
    """The file's `key: value` lines; a key that is there twice is not one of them."""
    declared: object = yaml.load(text, _WithoutAliases)  # noqa: S506 - a SafeLoader
    if not isinstance(declared, dict):
        raise bad_study_file(study, name, "is not a list of `key: value` lines")
    # Of two lines with one key YAML silently takes the last.
    node = yaml.compose(text, _WithoutAliases)
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        folded = _folded(key.value)
        if folded in seen:
            line = key.start_mark.line + 1
            raise bad_study_file(study, name, f"says `{folded}` a second time in line {line}")
        seen.add(folded)
    return declared


def _known(study: str, name: str, declared: Mapping[object, object]) -> dict[str, object]:
    """Return values by key as it should be written; a key nobody reads is refused.

    A rule that is passed over because of its spelling is a rule that is broken.
    """
    known = {_folded(key): value for key, value in declared.items()}
    unknown = [key for key in known if key not in (*RULES, *FREE)]
    if unknown:
        sentences = []
        for key in unknown:
            near = difflib.get_close_matches(key, (*RULES, *FREE), n=1, cutoff=0.5)
            sentences.append(f"`{key}`" + (f" (did you mean `{near[0]}`?)" if near else ""))
        raise bad_study_file(
            study,
            name,
            f"has {'keys' if len(unknown) > 1 else 'the key'} {', '.join(sentences)} that nobody "
            f"reads; the keys are {', '.join(RULES)}, and for free text {', '.join(FREE)}",
        )
    return known


def _folded(key: object) -> str:
    return "_".join(str(key).casefold().replace("-", " ").replace("_", " ").split())


def _purpose(study: str, name: str, declared: Mapping[str, object]) -> str:
    purpose = declared.get(PURPOSE)
    if not isinstance(purpose, str) or not purpose.strip():
        raise bad_study_file(study, name, "has no `purpose`, or it is not a text")
    return purpose.strip()


def _consent(study: str, name: str, declared: Mapping[str, object]) -> bool | None:
    said = declared.get(CONSENT)
    if said is None and CONSENT not in declared:
        return None
    if isinstance(said, str) and _folded(said) in (REQUIRED, NOT_REQUIRED):
        return _folded(said) == REQUIRED
    # YAML makes true and false of yes and no: what they would mean here is a guess.
    raise bad_study_file(
        study, name, f"says `{CONSENT}: {said}`; write `{REQUIRED}` or `{NOT_REQUIRED}`"
    )
