"""The catalogue: every watched metric with its test and the smallest effect that matters.

Under its minimum effect a metric never drifts, however small its p-value: with enough
recordings any difference becomes significant. How the tests are chosen: quality of input
can change its spread as well as its level (a second camera), so it is compared by whole
distribution; confidence by rank, for it is skewed; coverage and abstention are shares
with many exact zeros and ones, and their mean is what people pay for; the seven shares
are one composition and are tested once, as a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from include.monitoring.watched import SHARES


class Test(StrEnum):
    """How two samples of recordings are compared, by permutation of whole units."""

    __test__ = False  # not a test class for pytest

    KS = "kolmogorov_smirnov"
    MANN_WHITNEY = "mann_whitney"
    MEANS = "difference_of_means"
    JENSEN_SHANNON = "jensen_shannon"
    ENERGY = "energy"


class Family(StrEnum):
    """What kind of thing has changed; alarms are raised per family."""

    INPUT = "input_quality"
    COVERAGE = "face_coverage"
    PREDICTIONS = "predictions"
    CONFIDENCE = "confidence"


EFFECT_NAMES = {
    Test.KS: "ks_distance",
    Test.MANN_WHITNEY: "cliffs_delta",
    Test.MEANS: "mean_difference",
    Test.JENSEN_SHANNON: "js_distance",
    Test.ENERGY: "energy_coefficient",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One watched metric.

    Attributes:
        name: Name in reports; of its column where it has one.
        family: Whose alarm it can raise.
        test: How it is compared.
        minimum_effect: Absolute effect, in the test's own unit, below which nothing is raised.
        columns: Columns of a sample that it reads; none for embeddings.
    """

    name: str
    family: Family
    test: Test
    minimum_effect: float
    columns: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric("brightness", Family.INPUT, Test.KS, 0.30, ("brightness",)),
    Metric("sharpness", Family.INPUT, Test.KS, 0.30, ("sharpness",)),
    Metric("face_side_px", Family.INPUT, Test.KS, 0.30, ("face_side_px",)),
    Metric("head_turn_deg", Family.INPUT, Test.KS, 0.30, ("head_turn_deg",)),
    Metric("face_coverage", Family.COVERAGE, Test.MEANS, 0.05, ("face_coverage",)),
    Metric("confidence", Family.CONFIDENCE, Test.MANN_WHITNEY, 0.25, ("confidence",)),
    Metric("abstention_share", Family.CONFIDENCE, Test.MEANS, 0.05, ("abstention_share",)),
    Metric("expression_shares", Family.PREDICTIONS, Test.JENSEN_SHANNON, 0.07, SHARES),
)

EMBEDDING = Metric("embedding", Family.INPUT, Test.ENERGY, 0.05)
"""Watched where both samples carry embeddings."""
