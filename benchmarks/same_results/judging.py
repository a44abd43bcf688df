"""What differs, and whether somebody gave a reason for it."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.same_results.accepted import ACCEPTED, Accepted
from benchmarks.same_results.differences import Compared, Difference

_SHOWN = 90
"""Characters of a value that are kept as an example."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of one kind.

    Attributes:
        name: Where they lie and their ending.
        files: How many.
        equal: In every field.
        changed: In some, all of them accepted.
        refused: In some that nobody accepted.
    """

    name: str
    files: int
    equal: int
    changed: int
    refused: int


@dataclass(frozen=True, slots=True)
class Group:
    """The same field, or words accepted for the same reason, in all files of a kind.

    Attributes:
        kind: Of the files.
        place: The field's path, or "text".
        times: How often it differs.
        files: In how many files.
        before: One example.
        after: Of the same.
        reason: Why this is right; None where nobody said.
    """

    kind: str
    place: str
    times: int
    files: int
    before: str
    after: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that was found.

    Attributes:
        before: Commit of the earlier build.
        after: Commit of this one.
        people: Faces of the audit, at most.
        kinds: Counts of files.
        groups: What differs, the refused first.
        unseen: Accepted differences that were not there.
    """

    before: str
    after: str
    people: int
    kinds: tuple[Kind, ...]
    groups: tuple[Group, ...]
    unseen: tuple[str, ...]

    @property
    def refused(self) -> list[Group]:
        """What nobody accepted."""
        return [group for group in self.groups if group.reason is None]

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Outcome:
        """Return what was kept as JSON."""
        return cls(
            **{
                **kept,
                "kinds": tuple(Kind(**item) for item in kept["kinds"]),
                "groups": tuple(Group(**item) for item in kept["groups"]),
                "unseen": tuple(kept["unseen"]),
            }
        )


def judge(
    compared: Iterable[Compared],
    *,
    before: str,
    after: str,
    people: int,
    accepted: tuple[Accepted, ...] = ACCEPTED,
) -> Outcome:
    """Hold every difference against the accepted ones; the first that fits is its reason."""
    counts: Counter[tuple[str, str]] = Counter()
    grouped: dict[tuple[str, str, str | None], list[tuple[str, Difference]]] = {}
    seen: set[Accepted] = set()
    for file in compared:
        refused = False
        for difference in file.differences:
            entry = next((one for one in accepted if _fits(one, file.name, difference)), None)
            refused |= entry is None
            if entry is not None:
                seen.add(entry)
            key = (file.kind, difference.place, None if entry is None else entry.reason)
            grouped.setdefault(key, []).append((file.name, difference))
        state = "refused" if refused else "changed" if file.differences else "equal"
        counts[file.kind, state] += 1
    groups = [
        Group(
            kind,
            place,
            len(found),
            len({name for name, _ in found}),
            _shown(found[0][1].before),
            _shown(found[0][1].after),
            reason,
        )
        for (kind, place, reason), found in grouped.items()
    ]
    return Outcome(
        before,
        after,
        people,
        tuple(
            Kind(
                kind,
                sum(counts[kind, state] for state in ("equal", "changed", "refused")),
                *(counts[kind, state] for state in ("equal", "changed", "refused")),
            )
            for kind in sorted({kind for kind, _ in counts})
        ),
        tuple(
            sorted(groups, key=lambda group: (group.reason is not None, group.kind, group.place))
        ),
        tuple(entry.reason for entry in accepted if entry not in seen),
    )


def _fits(entry: Accepted, name: str, difference: Difference) -> bool:
    if not fnmatch.fnmatchcase(name, entry.files):
        return False
    said = f"{difference.before} -> {difference.after}"
    says_so = entry.text is not None and re.fullmatch(entry.text, said) is not None
    if difference.place == "text":
        return says_so
    if entry.place is None or re.fullmatch(entry.place, difference.place) is None:
        return False
    if entry.text is not None and not says_so:
        return False
    if entry.within is None:
        return True
    try:
        return abs(float(str(difference.before)) - float(str(difference.after))) <= entry.within
    except ValueError:
        return False


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
