"""Which pictures do not train or are not scored, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from ml.data.records import NON_EXPRESSIONS, VoteArray
from ml.data.votes import majority, usable

_SEVEN = len(EXPRESSIONS)
_TITLES = {
    "contempt": "Most votes for contempt",
    "unknown": "Most votes for “unknown”",
    "not_a_face": "Most votes for “not a face”",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes:
        title: For people.
        consequence: What is not done with these pictures.
        rows: Row numbers of the pictures; a picture has one reason.
    """

    title: str
    consequence: str
    rows: npt.NDArray[np.int64]


def reasons(votes: VoteArray) -> list[Reason]:
    """Sort the pictures that are left out, votes of shape (N, 10), by reason."""
    unlabelled = votes.sum(axis=1) == 0
    out = ~usable(votes) & ~unlabelled
    strongest = votes[:, _SEVEN:].argmax(axis=1)
    found = [
        Reason(
            _TITLES[name],
            "neither trains nor is scored",
            np.flatnonzero(out & (strongest == code)),
        )
        for code, name in enumerate(NON_EXPRESSIONS)
    ]
    tied = usable(votes) & (majority(votes) < 0)
    found.append(
        Reason(
            "Two expressions share the lead",
            "trains with its soft label, is not scored",
            np.flatnonzero(tied),
        )
    )
    found.append(Reason("No label", "serves pre-training only", np.flatnonzero(unlabelled)))
    return [reason for reason in found if len(reason.rows)]
