"""Everything that is measured of one package on one set of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.contracts.labels import EXPRESSIONS
from include.statistics.arrays import FloatArray
from include.statistics.bootstrap import RESAMPLES, Bootstrap
from ml.evaluation.agreement import Agreement, agreement
from ml.evaluation.answers import OpenPackage
from ml.evaluation.behaviour import (
    Check,
    direction,
    invariance,
    minimum_function,
    morph_pairs,
)
from ml.evaluation.explanations import Explanation, explain
from ml.evaluation.metrics import Evaluation, Labels, Probabilities, evaluate
from ml.evaluation.reliability import (
    Abstention,
    Bin,
    abstention,
    reliability,
    reliability_json,
    risk_coverage,
)
from ml.evaluation.robustness import Robustness, robustness
from ml.evaluation.rows import ScoredRows
from ml.evaluation.slices import Slice, measure_qualities, slices
from ml.packaging.signature import Signature, plain_signature

SCHEMA = 1
MORPH_PAIRS = 60
_FEWEST_MORPHS = 10
_SEALED = (
    "package_version",
    "architecture",
    "input",
    "temperature",
    "abstain_threshold",
    "training",
)
"""What of a signature stands beside the figures."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured.

    Attributes:
        resamples: Bootstrap resamples.
        varied_pictures: Pictures that are spoilt and changed for robustness and
            behaviour, drawn at random from those scored.
        explained_per_class: Pictures explained per expression, right and wrong each.
    """

    resamples: int = RESAMPLES
    varied_pictures: int = 1000
    explained_per_class: int = 4


@dataclass(frozen=True, slots=True)
class Report:
    """One package measured on one set of pictures.

    Attributes:
        model: Name for people.
        package: File name, sha256 and size in bytes of the package.
        signature: The package's `signature.json`.
        data: What the pictures are, for people.
        counts: Scored pictures per expression.
        left_out: Held-out pictures without a unique majority.
        evaluation: The figures.
        bins: The reliability diagram.
        abstention: Accuracy against coverage.
        risk_coverage: Coverage and accuracy of every threshold, for the drawing.
        agreement: Against the votes; None where pictures have one vote each.
        slices: Parts of the pictures.
        robustness: Curves of spoilt pictures, over `varied` of them.
        varied: Number of pictures behind `robustness` and the invariance checks.
        checks: Behaviour.
        explanations: Grad-CAM pictures.
    """

    model: str
    package: Mapping[str, Any]
    signature: Signature
    data: str
    counts: Mapping[str, int]
    left_out: int
    evaluation: Evaluation
    bins: tuple[Bin, ...]
    abstention: Abstention
    risk_coverage: tuple[FloatArray, FloatArray]
    agreement: Agreement | None
    slices: tuple[Slice, ...]
    robustness: tuple[Robustness, ...]
    varied: int
    checks: tuple[Check, ...]
    explanations: tuple[Explanation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain values."""
        sealed = plain_signature(self.signature)
        return {
            "schema": SCHEMA,
            "model": {
                "name": self.model,
                **self.package,
                **{name: sealed[name] for name in _SEALED},
            },
            "data": {"name": self.data, "per_class": dict(self.counts), "left_out": self.left_out},
            **self.evaluation.to_json(),
            "reliability": reliability_json(self.bins),
            "abstention": self.abstention.to_json(),
            "agreement": self.agreement.to_json() if self.agreement else None,
            "slices": [item.to_json() for item in self.slices],
            "robustness": {
                "n": self.varied,
                "curves": [curve.to_json() for curve in self.robustness],
            },
            "behaviour": [check.to_json() for check in self.checks],
        }


def assess(
    package: OpenPackage,
    rows: ScoredRows,
    probabilities: Probabilities,
    options: Options,
    tell: Tell,
) -> Report:
    """Measure everything.

    Args:
        package: The model.
        rows: Pictures it has not been trained or chosen on.
        probabilities: The package's answers to `rows`, shape (N, 7).
        options: How much is measured.
        tell: Called with what is being measured, for a person who waits.
    """
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct = answers == rows.labels
    bootstrap = Bootstrap(len(rows), resamples=options.resamples)
    tell("figures, slices and agreement are computed")
    many_votes = bool((rows.votes.sum(axis=1) > 1).any())
    varied = _sample(rows, options.varied_pictures)
    tell(f"{len(varied)} pictures are spoilt in seven ways")
    curves = robustness(
        varied.images, varied.labels, package.probabilities, resamples=options.resamples
    )
    tell("behaviour is checked, answers are explained")
    return Report(
        model=package.name,
        package={
            "file": package.path.name,
            "sha256": package.sha256,
            "bytes": package.path.stat().st_size,
        },
        signature=package.signature,
        data=rows.name,
        counts={
            label: int((rows.labels == index).sum()) for index, label in enumerate(EXPRESSIONS)
        },
        left_out=rows.left_out,
        evaluation=evaluate(probabilities, rows.labels, resamples=options.resamples),
        bins=reliability(bootstrap, confidence, correct),
        abstention=abstention(bootstrap, confidence, correct, package.threshold),
        risk_coverage=risk_coverage(confidence, correct),
        agreement=agreement(bootstrap, probabilities, rows.votes) if many_votes else None,
        slices=slices(
            measure_qualities(rows.images, rows.votes),
            rows.labels,
            answers,
            resamples=options.resamples,
        ),
        robustness=curves,
        varied=len(varied),
        checks=behaviour(package, rows, varied, answers, options),
        explanations=explain(package, rows, probabilities, options.explained_per_class),
    )


def behaviour(
    package: OpenPackage, rows: ScoredRows, varied: ScoredRows, answers: Labels, options: Options
) -> tuple[Check, ...]:
    """Return the behavioural checks for which `rows` holds the pictures."""
    checks = [*invariance(varied.images, package.probabilities, resamples=options.resamples)]
    for target in EXPRESSIONS:
        if target == "neutral":
            continue
        pairs = morph_pairs(rows.images, rows.labels, rows.votes, target, MORPH_PAIRS)
        if len(pairs) >= _FEWEST_MORPHS:
            checks.append(
                direction(pairs, target, package.probabilities, resamples=options.resamples)
            )
    easy = minimum_function(answers, rows.labels, rows.votes, resamples=options.resamples)
    return (*checks, *easy)


def _sample(rows: ScoredRows, count: int) -> ScoredRows:
    order = np.random.default_rng(0).permutation(len(rows))[:count]
    return rows.take(np.sort(order))
