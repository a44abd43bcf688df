"""How far annotators agree: Krippendorff's alpha and the majority's share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES
from include.statistics.clusters import ClusterBootstrap, ratio
from include.statistics.estimate import Estimate

VoteCounts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement over the faces that two or more people answered.

    Attributes:
        faces_n: Faces with two answers or more.
        votes_n: Answers to them.
        alpha: Krippendorff's alpha for nominal data: 1 full agreement, 0 what chance
            gives, below 0 systematic disagreement; NaN where all answers are one label.
        majority_share: Mean share of a face's answers that its commonest label has.
    """

    faces_n: int
    votes_n: int
    alpha: Estimate
    majority_share: Estimate


def agreement(
    votes: VoteCounts, respondents: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Agreement | None:
    """Measure agreement, with intervals over the people shown.

    Args:
        votes: Answers per face and label, shape (n, labels).
        respondents: Who each face is of, n.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        The figures, or None where no face has two answers.
    """
    pairable = votes.sum(axis=1) >= 2
    if not pairable.any():
        return None
    counted = votes[pairable].astype(np.float64)
    people = [who for who, kept in zip(respondents, pairable, strict=True) if kept]
    bootstrap = ClusterBootstrap(people, resamples=resamples, seed=seed)
    per_face = counted.sum(axis=1)
    disagreement = (per_face**2 - (counted**2).sum(axis=1)) / (per_face - 1)
    shares = np.column_stack([counted.max(axis=1) / per_face, np.ones(len(counted))])
    return Agreement(
        len(counted),
        int(per_face.sum()),
        bootstrap.figure(np.column_stack([disagreement, counted]), _alpha, n=len(counted)),
        bootstrap.figure(shares, ratio, n=len(counted)),
    )


def _alpha(sums: FloatArray) -> FloatArray:
    """Return alpha of sums of (disagreeing pairs, answers per label), shape (m,).

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C:
    1 - (n - 1) * sum of observed disagreement / sum over pairs of labels of n_c * n_k.
    """
    totals = sums[:, 1:].sum(axis=1)
    expected = totals**2 - (sums[:, 1:] ** 2).sum(axis=1)
    return np.asarray(1 - (totals - 1) * sums[:, 0] / expected)
