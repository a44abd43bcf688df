"""Names of the files beside recordings: the study file, the table of respondents, what is neither.

People drop these files under names that are nearly right: `Study.yaml`, `study.yaml.txt`,
`respondents (1).csv`, `respondents.xlsx`. Such a file is never a recording, and what it says
must not be passed over: it is to be corrected, and its study waits for that.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from enum import StrEnum

STUDY = ("study.yaml", "study.yml")
"""What a study says about itself."""
RESPONDENTS = "respondents.csv"
"""Who is seen in which recording of a study."""

_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_SYSTEM_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
_UPLOAD_LEFTOVERS = ("part", "tmp", "partial", "filepart", "crdownload")
_YAML = {"yaml", "yml"}
_TABLES = ("csv", "tsv", "tab", "xls", "xlsx", "xlsm", "ods", "numbers")
_TEXTS = ("txt", "text", "json", "toml", "rtf", "doc", "docx", "odt", "pdf", "html", "md", "ini")
_COPIES = ("bak", "old", "orig", "save", "copy")
_PEELED = frozenset((*_YAML, *_TABLES, *_TEXTS, *_COPIES, *_UPLOAD_LEFTOVERS))
_COPY_MARK = re.compile(
    r"^(?:copy|kopie|copie|copia) (?:of|von|de|di|van) |"
    r"[ _.-]*(?:\(\d*\)|\[\d*\]|copy|kopie|copie|copia|final|neu|new|draft)$"
)
_NUMBER = re.compile(r"[ _.-]+v?\d+$")
_STUDY_WORDS = ("study", "studie")
_PEOPLE_WORDS = ("respondents", "participants", "teilnehmer", "probanden")
_ONE_OF_MANY = ("respondent", "participant", "proband")
_NEAR = 0.8
"""Share of letters in common (difflib) of a misspelling."""


class Role(StrEnum):
    """What an object under `incoming/` is, by its name alone."""

    RECORDING = "recording"
    STUDY_FILE = "study_file"
    """A study file or a table of respondents, in its place and rightly named."""
    TO_CORRECT = "to_correct"
    """Meant as one of these, but named otherwise or in another place."""
    NOTHING = "nothing"
    """Hidden files, leftovers of uploads and of operating systems, folder markers."""


def role(relative_key: str) -> Role:
    """Return what an object is.

    Args:
        relative_key: Its key relative to `incoming/`: `{study}/{name}`, or deeper.
    """
    segments = relative_key.split("/")
    name = segments[-1]
    if not name or is_system(segments):
        return Role.NOTHING
    if right_name(name) is not None:
        exact = len(segments) <= 2 and name in (*STUDY, RESPONDENTS)
        return Role.STUDY_FILE if exact else Role.TO_CORRECT
    if _ending(name) in _UPLOAD_LEFTOVERS:
        return Role.NOTHING
    return Role.RECORDING


def is_system(segments: list[str]) -> bool:
    """Whether a path is of what operating systems and editors leave: hidden, thumbnails, locks."""
    if any(part.startswith(".") and part not in (".", "..") for part in segments):
        return True
    folded = [part.casefold() for part in segments]
    name = folded[-1]
    return (
        not _SYSTEM_FOLDERS.isdisjoint(folded[:-1])
        or name in _SYSTEM_FILES
        or name.startswith("~$")
        or name.endswith("~")
    )


def right_name(name: str) -> str | None:
    """Return the name that a file beside recordings is meant to have; None of any other file.

    >>> right_name("Study (1).yaml.txt"), right_name("respondents.xlsx"), right_name("study.mp4")
    ('study.yaml', 'respondents.csv', None)
    """
    whole, endings = _peel(unicodedata.normalize("NFKC", name).casefold().strip())
    if not endings:
        return {"study": STUDY[0], "respondents": RESPONDENTS}.get(whole)
    stem = whole
    while (shorter := _COPY_MARK.sub("", stem).strip(" _.-")) != stem and shorter:
        stem = shorter
    # YAML can only be meant as the study file: nothing else of a study is written in it.
    if not _YAML.isdisjoint(endings) or _NUMBER.sub("", stem) in _STUDY_WORDS:
        return name if name in STUDY else STUDY[0]
    return RESPONDENTS if stem in _ONE_OF_MANY or _names_people(stem) else None


def how_to_correct(key: str, relative_key: str) -> str:
    """Return what to do with a file whose role is `TO_CORRECT`, as sentences.

    Args:
        key: Its key in the lake, for the sentence.
        relative_key: The same relative to `incoming/`.
    """
    segments = relative_key.split("/")
    wanted = right_name(segments[-1]) or STUDY[0]
    place = f"incoming/{segments[0]}/{wanted}" if len(segments) > 1 else f"incoming/{wanted}"
    _, endings = _peel(segments[-1].casefold())
    saved = wanted.rpartition(".")[2]
    if _ending(segments[-1]) in _UPLOAD_LEFTOVERS:
        act = f"Wait until its upload ends, or upload it again as {place}"
    elif wanted == RESPONDENTS and not {"csv", "txt"}.intersection(endings):
        act = f"Save it as CSV (UTF-8) and name it {place}"
    elif wanted != RESPONDENTS and endings and not {*_YAML, "txt"}.intersection(endings):
        act = f"Save it as plain text (UTF-8, lines of `key: value`) and name it {place}"
    else:
        act = f"Rename {key} to {place}"
    return (
        f"{act} (lower case, ending in .{saved} and nothing after it), or remove it if it is "
        "none; the recordings are then taken up by themselves."
    )


def _peel(name: str) -> tuple[str, list[str]]:
    """Take the endings of texts, tables and copies off a name, the last one first."""
    endings: list[str] = []
    while (ending := _ending(name)) in _PEELED:
        endings.append(ending)
        name = name[: -len(ending) - 1].strip()
    return name, endings


def _ending(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return ending.strip().casefold() if dot and stem else ""


def _names_people(stem: str) -> bool:
    """Whether a word of a name means the table, or is a misspelling of it."""
    return any(
        word in part or difflib.SequenceMatcher(None, part, word).ratio() >= _NEAR
        for part in re.split(r"[\W_]+", stem)
        for word in _PEOPLE_WORDS
        # "respondent 12" is one of many, not their table.
        if part not in _ONE_OF_MANY
    )
