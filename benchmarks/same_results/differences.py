"""Two folders of published files, file by file and field by field."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from benchmarks.same_results.reading import Fields, Texts, read

MISSING = "(not there)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, or one run of words, that is not the same.

    Attributes:
        place: Path of the field, numbers of rows and elements as `*`; "text" for words.
        before: In the earlier build.
        after: In this one.
    """

    place: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Compared:
    """One file of both builds.

    Attributes:
        name: Its path below the folder, with identities of work as words.
        differences: None where it is the same.
    """

    name: str
    differences: tuple[Difference, ...]

    @property
    def kind(self) -> str:
        """What the table counts it under: what it is a result of, and what it is called there."""
        folders, _, called = self.name.rpartition("/")
        part = folders.removeprefix("videos/").removeprefix("lake/").partition("/")[0]
        return f"{part}/{re.sub('^extraction of [0-9a-f]{8}(-[0-9]+)?', '*', called)}"


def compare(before: Mapping[str, Path], after: Mapping[str, Path]) -> list[Compared]:
    """Compare files of the same names; one that only one build wrote differs as a whole.

    Raises:
        ValueError: A file cannot be read; names it.
    """
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            there = ("written", MISSING) if name in before else (MISSING, "written")
            found.append(Compared(name, (Difference("the whole file", *there),)))
            continue
        if before[name].read_bytes() == after[name].read_bytes():
            found.append(Compared(name, ()))
            continue
        try:
            one, other = read(before[name]), read(after[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if isinstance(one, list) or isinstance(other, list):
            assert isinstance(one, list)
            assert isinstance(other, list)
            found.append(Compared(name, tuple(_words(one, other))))
        else:
            found.append(Compared(name, tuple(_fields(one, other))))
    return found


def _fields(before: Fields, after: Fields) -> Iterator[Difference]:
    for path in before.keys() | after.keys():
        one, other = before.get(path, MISSING), after.get(path, MISSING)
        if not _same(one, other):
            yield Difference(re.sub(r"\[\d+\]", "[*]", path), one, other)


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    # True is 1 to Python and not to who reads JSON.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _words(before: Texts, after: Texts) -> Iterator[Difference]:
    """Yield what differs: by blocks, then by words: another division into blocks is none."""
    for one, other in _unlike(before, after):
        for words, others in _unlike(" ".join(one).split(), " ".join(other).split()):
            yield Difference("text", " ".join(words), " ".join(others))


def _unlike(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    matched = SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, end, other_start, other_end in matched.get_opcodes():
        if kind != "equal":
            yield before[start:end], after[other_start:other_end]
