"""Differences that are meant, each with its reason. Whatever is not here fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """One kind of difference.

    Attributes:
        reason: Why results differ, and that this is right.
        files: Names of files, with `*`.
        place: Regular expression of a field's path, whole; None accepts no field.
        text: Regular expression of "words before -> words after", whole; None accepts no words.
        within: Numbers may differ by so much; None accepts any value.
    """

    reason: str
    files: str
    place: str | None = None
    text: str | None = None
    within: float | None = None


ACCEPTED: tuple[Accepted, ...] = ()
