"""How far annotators agree, and which expressions they mistake for each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.statistics.bootstrap import Bootstrap
from include.statistics.estimate import Estimate
from ml.data.records import VoteArray
from ml.data.votes import majority

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on the scored pictures that at least two annotators labelled.

    Attributes:
        labels: (M,) majority label of those pictures.
        share: (M,) share of all votes that the majority label got, 0 to 1.
        entropy_bits: (M,) entropy of the votes, 0 to log2(10).
        spread: (7, 10) mean share of the votes by majority label; rows sum to 1,
            NaN where a class has no such picture.
        kappa: Fleiss' kappa (Fleiss 1971) over all labelled pictures, with the mean
            pairwise agreement where pictures have different numbers of votes.
        pairs: Expressions that share votes, (first, second, share of all pairs of
            annotators of one picture who disagree), most frequent first.
    """

    labels: npt.NDArray[np.int64]
    share: Floats
    entropy_bits: Floats
    spread: Floats
    kappa: float
    pairs: list[tuple[int, int, float]]


def majority_share(votes: VoteArray) -> Floats:
    """Return the share of each picture's votes that its strongest label got, shape (N,)."""
    return np.asarray(votes.max(axis=1) / np.maximum(votes.sum(axis=1), 1), np.float64)


def agreement(votes: VoteArray) -> Agreement | None:
    """Measure agreement of votes, shape (N, 10); None where no picture has two votes."""
    votes = votes[votes.sum(axis=1) >= 2]
    if not len(votes):
        return None
    labels = majority(votes)
    scored = votes[labels >= 0]
    labels = labels[labels >= 0]
    shares = scored / scored.sum(axis=1, keepdims=True)
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    classes = range(7)
    spread = np.stack(
        [
            shares[labels == code].mean(axis=0)
            if (labels == code).any()
            else np.full(votes.shape[1], np.nan)
            for code in classes
        ]
    )
    kappa, pairs = _pairwise(votes)
    return Agreement(
        labels, majority_share(scored), -(shares * logs).sum(axis=1), spread, kappa, pairs
    )


def _pairwise(votes: VoteArray) -> tuple[float, list[tuple[int, int, float]]]:
    """Return Fleiss' kappa and the shares of disagreeing pairs by their two labels."""
    cast = votes.astype(np.float64)
    total = cast.sum(axis=1)
    # Of each picture's ordered pairs of annotators, the share that named (i, j).
    weight = 1 / (total * (total - 1))
    joint = np.einsum("n,ni,nj->ij", weight, cast, cast, optimize=True)
    joint -= np.diag((weight[:, None] * cast).sum(axis=0))
    joint /= len(cast)
    observed = float(np.trace(joint))
    prior = (cast / total[:, None]).mean(axis=0)
    expected = float((prior**2).sum())
    kappa = (observed - expected) / (1 - expected) if expected < 1 else 1.0
    disagreeing = max(1 - observed, 1e-12)
    count = cast.shape[1]
    pairs = [
        (first, second, float(2 * joint[first, second] / disagreeing))
        for first in range(count)
        for second in range(first + 1, count)
    ]
    return kappa, sorted(pairs, key=lambda pair: -pair[2])


def estimate(values: Floats, *, seed: int = 0) -> Estimate | None:
    """Return the mean of `values`, shape (n,), with its interval; None where there is none."""
    if not len(values):
        return None
    return Bootstrap(len(values), seed=seed).mean(values)
