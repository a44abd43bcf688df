"""One person's answer about one face, and the votes of several."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from include.contracts.documents import Form
from include.contracts.labels import EXPRESSIONS

NON_EXPRESSIONS: tuple[str, ...] = ("contempt", "unknown", "not_a_face")
"""What a person may answer besides the seven expressions the platform reports."""

ANSWERS: tuple[str, ...] = EXPRESSIONS + NON_EXPRESSIONS
"""Every accepted answer, in the order of every vote vector."""

_PSEUDONYM_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer.

    Attributes:
        row_id: The face's id in the lake (`lake_row_id`).
        annotator: Pseudonym of the person, never empty.
        label: One of `ANSWERS`.
        answered_at: When, with its time zone; None where the file does not say.
    """

    row_id: str
    annotator: str
    label: str
    answered_at: datetime | None = None


def lake_row_id(extraction_id: str, row_id: str) -> str:
    """Return the id of a row among all extractions; `row_id` alone is unique in one video."""
    return f"{extraction_id}-{row_id}"


def extraction_of(lake_row_id: str) -> str:
    """Return the extraction of a row: what `lake_row_id` was made of.

    Raises:
        ValueError: It is no row id of the lake.
    """
    parts = lake_row_id.rsplit("-", 2)  # the row of a video is "{instant}-{face}"
    if len(parts) != 3 or not parts[0]:
        raise ValueError(f"{lake_row_id!r} is no row of an extraction")
    return parts[0]


def row_in_extraction(lake_row_id: str) -> str:
    """Return the row's id within its extraction.

    Raises:
        ValueError: It is no row id of the lake.
    """
    return lake_row_id[len(extraction_of(lake_row_id)) + 1 :]


def pseudonym(identity: str, *, key: bytes = b"", kind: str = "annotator") -> str:
    """Return a stable pseudonym of a person's id or e-mail address.

    A keyed hash (HMAC-SHA256, RFC 2104): without the key nobody can try addresses. Letter
    case and surrounding blanks do not matter.
    """
    digest = hmac.new(key, identity.strip().casefold().encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:_PSEUDONYM_LENGTH]}"


def latest(votes: Iterable[Vote]) -> list[Vote]:
    """Keep each annotator's latest answer per face, in order of first appearance.

    A vote without a time is older than any with one; of equals the later given counts,
    as files are append-only.
    """
    kept: dict[tuple[str, str], Vote] = {}
    for vote in votes:
        place = (vote.row_id, vote.annotator)
        if place not in kept or _age(vote) >= _age(kept[place]):
            kept[place] = vote
    return list(kept.values())


def counts(votes: Iterable[Vote]) -> Mapping[str, npt.NDArray[np.int64]]:
    """Return votes per `ANSWERS` entry, shape (10,), by row id: the soft labels.

    Give it what `latest` returns: each person has one vote per face.
    """
    found: dict[str, npt.NDArray[np.int64]] = {}
    for vote in votes:
        row = found.setdefault(vote.row_id, np.zeros(len(ANSWERS), np.int64))
        row[ANSWERS.index(vote.label)] += 1
    return found


def _age(vote: Vote) -> float:
    return vote.answered_at.timestamp() if vote.answered_at else float("-inf")


VOTE = Form(Vote)


def votes_bytes(votes: Iterable[Vote]) -> bytes:
    """Return votes as JSON Lines; same input, same bytes."""
    return "".join(f"{VOTE.line(vote)}\n" for vote in votes).encode()


def read_votes(content: bytes, name: str) -> list[Vote]:
    """Return what `votes_bytes` wrote; `name` is the file's, for what is said when it is refused.

    Raises:
        DocumentError: A line is no vote; names line and field.
    """
    return VOTE.read_lines(content, name)
