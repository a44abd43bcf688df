"""From annotators' votes to training targets and evaluation labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from include.contracts.labels import EXPRESSIONS
from ml.data.records import VoteArray

_SEVEN = len(EXPRESSIONS)


def usable(votes: VoteArray) -> npt.NDArray[np.bool_]:
    """Tell which rows show one of the seven expressions, shape (N,).

    A row is left out where contempt, unknown or not-a-face got more votes than
    the strongest of the seven.
    """
    return np.asarray(votes[:, :_SEVEN].max(axis=1) >= np.maximum(1, votes[:, _SEVEN:].max(axis=1)))


def soft_targets(votes: VoteArray) -> npt.NDArray[np.float32]:
    """Return label distributions over the seven, shape (N, 7), rows sum to 1.

    Votes for anything else are dropped, then single stray votes where another
    expression has several (as in the FER+ authors' own recipe), and the rest is
    renormalised. A row without votes for the seven is uniform.
    """
    seven = votes[:, :_SEVEN].astype(np.float32)
    strongest = seven.max(axis=1, keepdims=True)
    seven = np.where((seven <= 1) & (strongest > 1), 0, seven)
    total = seven.sum(axis=1, keepdims=True)
    return np.where(total > 0, seven / np.maximum(total, 1), 1 / _SEVEN).astype(np.float32)


def majority(votes: VoteArray) -> npt.NDArray[np.int64]:
    """Return the label index with most votes among the seven, shape (N,).

    -1 where the row is not usable or the majority is not unique: such rows have
    no single truth and are not scored.
    """
    seven = votes[:, :_SEVEN]
    strongest = seven.max(axis=1, keepdims=True)
    unique = ((seven == strongest).sum(axis=1) == 1) & usable(votes)
    return np.where(unique, seven.argmax(axis=1), -1).astype(np.int64)
