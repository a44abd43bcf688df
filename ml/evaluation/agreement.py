"""Agreement with the annotators themselves, not only with their majority.

A picture that six people call sadness and four call neutral has no single truth. The
distribution of the votes is compared with the model's probabilities, and the accuracy
with what one person scores against the majority of the others: the ceiling that labels
of this kind put on any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import distance
from scipy.special import rel_entr

from include.contracts.labels import EXPRESSIONS
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import Bootstrap
from include.statistics.estimate import Estimate
from ml.data.records import VoteArray
from ml.evaluation.metrics import Probabilities

_SEVEN = len(EXPRESSIONS)
_FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class Agreement:
    """Distances between votes and answers, and the human ceiling.

    Attributes:
        kl_divergence: Mean Kullback-Leibler divergence of the answer from the votes, nats.
        js_divergence: Mean Jensen-Shannon divergence (Lin 1991), bits, 0 to 1.
        cosine: Mean cosine similarity, 0 to 1.
        annotator: Accuracy of one annotator, drawn at random, against the majority of
            the other annotators of the picture; None where pictures have one vote each.
        model: Accuracy of the model against that same majority of the others.
        model_less_annotator: Paired difference of the two.
    """

    kl_divergence: Estimate
    js_divergence: Estimate
    cosine: Estimate
    annotator: Estimate | None
    model: Estimate | None
    model_less_annotator: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        figures = {name: getattr(self, name) for name in self.__slots__}
        return {name: figure.to_json() if figure else None for name, figure in figures.items()}


def agreement(bootstrap: Bootstrap, probabilities: Probabilities, votes: VoteArray) -> Agreement:
    """Compare answers (N, 7) with the votes (N, 10) of the same pictures.

    Votes for contempt, unknown and not-a-face are left out of the distribution; stray
    single votes stay in, unlike in the training targets.
    """
    seven = votes[:, :_SEVEN].astype(np.float64)
    shares = seven / seven.sum(axis=1, keepdims=True)
    norms = np.linalg.norm(shares, axis=1) * np.linalg.norm(probabilities, axis=1)
    kl = rel_entr(shares, np.clip(probabilities, _FLOOR, 1)).sum(axis=1)
    js = distance.jensenshannon(shares, probabilities, base=2, axis=1) ** 2
    annotator, model, difference = _ceiling(bootstrap, seven, probabilities.argmax(axis=1))
    return Agreement(
        bootstrap.mean(kl),
        bootstrap.mean(np.nan_to_num(js)),
        bootstrap.mean((shares * probabilities).sum(axis=1) / norms),
        annotator,
        model,
        difference,
    )


def _ceiling(
    bootstrap: Bootstrap, seven: FloatArray, answers: FloatArray
) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """Leave each annotator out in turn.

    Annotators who chose the same expression leave the same votes behind, so seven cases
    weighted by the votes cover all of them. A case whose remaining votes have no unique
    majority says nothing about either and is left out.
    """
    count = seven.sum(axis=1)
    weight = np.zeros(len(seven))
    human, machine = np.zeros(len(seven)), np.zeros(len(seven))
    for chosen in range(_SEVEN):
        others = seven.copy()
        others[:, chosen] -= 1
        top = others.max(axis=1)
        clear = (seven[:, chosen] > 0) & (top > 0)
        clear &= (others == top[:, None]).sum(axis=1) == 1
        truth = others.argmax(axis=1)
        share = np.where(clear, seven[:, chosen] / count, 0.0)
        weight += share
        human += share * (truth == chosen)
        machine += share * (truth == answers)
    if not (weight > 0).any():
        return None, None, None
    with np.errstate(invalid="ignore", divide="ignore"):
        per_row = [np.nan_to_num(total / weight) for total in (human, machine)]
    people, model = (bootstrap.mean(values, weight) for values in per_row)
    return people, model, bootstrap.mean(per_row[1] - per_row[0], weight)
