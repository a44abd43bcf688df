"""An evaluation with every part that a page of one can have; its answers are drawn, not given."""

from __future__ import annotations

import cv2
import numpy as np

from include.contracts.labels import EXPRESSIONS
from include.statistics.bootstrap import Bootstrap
from include.statistics.estimate import Estimate
from ml.data.records import votes_for
from ml.evaluation.agreement import agreement
from ml.evaluation.behaviour import Check
from ml.evaluation.corruptions import CORRUPTIONS
from ml.evaluation.explanations import SIDE_PX, Explanation
from ml.evaluation.metrics import evaluate
from ml.evaluation.reliability import abstention, reliability, risk_coverage
from ml.evaluation.report import Report
from ml.evaluation.robustness import Robustness, Strength
from ml.evaluation.slices import Slice
from ml.packaging.signature import make_signature

_RESAMPLES = 20
_PER_CLASS = 40
_NEVER = EXPRESSIONS.index("fear")


def evaluated() -> Report:
    """Return an evaluation of 280 pictures; fear is never answered."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(7), _PER_CLASS)
    weights = np.ones((len(labels), 7))
    weights[np.arange(len(labels)), labels] = 5
    weights[:, _NEVER] = 0.01
    probabilities = np.array([generator.dirichlet(row) for row in weights])
    correct, confidence = probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
    votes = np.array([votes_for(EXPRESSIONS[code], 8) for code in labels])
    votes[:, -2] = 2
    bootstrap = Bootstrap(len(labels), resamples=_RESAMPLES)
    figure = Estimate(0.61, 0.52, 0.7, 280)
    return Report(
        model="expression, version 3",
        package={"file": "model.tar.gz", "sha256": "a" * 64, "bytes": 9_000_000},
        signature=make_signature(package_version="3", input_side_px=96),
        data="made pictures",
        counts=dict.fromkeys(EXPRESSIONS, _PER_CLASS),
        left_out=1234,
        evaluation=evaluate(probabilities, labels, resamples=_RESAMPLES),
        bins=reliability(bootstrap, confidence, correct),
        abstention=abstention(bootstrap, confidence, correct, 0.45),
        risk_coverage=risk_coverage(confidence, correct),
        agreement=agreement(bootstrap, probabilities, votes),
        slices=(
            Slice("brightness", "lowest quarter: 12 to 91", 140, figure, figure),
            Slice("picture side", "under 40 px", 3, None, None),
        ),
        robustness=tuple(
            Robustness(
                one.name,
                one.unit,
                figure,
                tuple(Strength(each, figure, figure, figure) for each in one.strengths),
            )
            for one in CORRUPTIONS
        ),
        varied=100,
        checks=(
            Check("invariance", "mirror", "pictures answered alike when mirrored", figure, 0.9),
            Check("direction", "", "morphs in which happiness rises", figure, None),
            Check("minimum function", "easy", "faces that nobody doubts", figure, 0.5),
        ),
        explanations=tuple(
            _explained(truth, answer) for truth in EXPRESSIONS[:2] for answer in EXPRESSIONS[:2]
        ),
    )


def _explained(truth: str, answer: str) -> Explanation:
    picture = np.full((SIDE_PX, 2 * SIDE_PX, 3), 120, np.uint8)
    return Explanation(truth, answer, 0.75, cv2.imencode(".jpg", picture)[1].tobytes())
