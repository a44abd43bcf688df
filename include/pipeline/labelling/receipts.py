"""What became of each dropped file of answers, and the votes of those that were accepted."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from include.labelling.votes import Vote, latest, read_votes
from include.lake import keys

if TYPE_CHECKING:
    from include.lake.store import Lake

COPY, VOTES = "file", "votes.jsonl"
"""Beside the receipt: the bytes as they were read, and what was read from them."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one version of one file.

    Attributes:
        object_id: Identity of (uri, version).
        key: Where it was dropped.
        version: Which version of it.
        received_at: When it was read; ISO 8601, aware.
        votes: Answers taken from it.
        unknown_rows: Faces it names that nobody was asked about.
        ignored: Skipped tasks and empty lines.
        superseded: Answers the same person gave again later in it.
        reason: Why it is in quarantine; None when it was accepted.
        reason_key: Where the reason lies.
    """

    object_id: str
    key: str
    version: str
    received_at: str
    votes: int = 0
    unknown_rows: int = 0
    ignored: int = 0
    superseded: int = 0
    reason: str | None = None
    reason_key: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether its votes count."""
        return self.reason is None


RECEIPT = Form(Receipt)


def known_objects(lake: Lake) -> set[str]:
    """Return the ids of all files that have a receipt: one listing, nothing is read.

    Raises:
        TransientError: The lake failed for now.
    """
    return {
        posixpath.basename(posixpath.dirname(key))
        for key in lake.list(keys.LABEL_ANSWERS)
        if posixpath.basename(key) == keys.LABEL_RECEIPT
    }


def read_receipts(lake: Lake) -> list[Receipt]:
    """Return all receipts in the order the files were read.

    Raises:
        TransientError: The lake failed for now.
    """
    found = [
        lake.read(RECEIPT, f"{keys.label_answer(name)}/{keys.LABEL_RECEIPT}")
        for name in sorted(known_objects(lake))
    ]
    return sorted(found, key=lambda receipt: (receipt.received_at, receipt.object_id))


def all_votes(lake: Lake, receipts: Iterable[Receipt]) -> list[Vote]:
    """Return each person's latest answer to each face, over all accepted files.

    Raises:
        TransientError: The lake failed for now.
    """
    files = (
        f"{keys.label_answer(receipt.object_id)}/{VOTES}"
        for receipt in receipts
        if receipt.accepted
    )
    return latest(vote for key in files for vote in read_votes(lake.get_bytes(key), key))
