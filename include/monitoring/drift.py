"""One day against the frozen reference and against the weeks before it.

The reference answers "is this still what the model was accepted on?", the trailing
window "has something just changed?". All tests of a day are one family for the
Benjamini-Hochberg procedure, and a metric drifts when its q-value is under the level
and its effect reaches the metric's minimum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np

from include.contracts.documents import Form
from include.monitoring.alarm import Outcome
from include.monitoring.metrics import EFFECT_NAMES, EMBEDDING, METRICS, Family, Metric, Test
from include.monitoring.watched import COLUMNS, Sample
from include.statistics import multiplicity, permutation, two_samples
from include.statistics.arrays import FloatArray
from include.statistics.energy import energy_test


class Unit(StrEnum):
    """What is independent of each other, and therefore exchanged as a whole."""

    STUDY = "study"
    RECORDING = "recording"


class Baseline(StrEnum):
    """What a day is compared with."""

    REFERENCE = "reference"
    TRAILING = "trailing"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a day is judged. The defaults are measured in docs/decisions/0014-drift.md.

    Attributes:
        unit: What counts as independent.
        level: False discovery rate over the tests of a day.
        permutations: Re-labellings per baseline; 1 / (1 + permutations) has to stay under
            level / tests of a day, or a single drifting metric could never be significant.
        current_days: Days up to the judged one that make the current sample. A week, so that
            studies are seen about as long as in the baselines: a study cut to one day has
            fewer recordings, hence a noisier mean, and whole units would not be exchangeable.
        trailing_days: Days before the current sample that make the trailing window.
        min_recordings: Fewest recordings with a figure, in each sample.
        min_units: Fewest units with a figure, in each sample.
        seed: Of the re-labellings; with the day it fixes every p-value.
    """

    unit: Unit = Unit.STUDY
    level: float = 0.05
    permutations: int = 499
    current_days: int = 7
    trailing_days: int = 28
    min_recordings: int = 20
    min_units: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level must lie between 0 and 1, not at {self.level}.")
        counts = (self.permutations, self.current_days, self.trailing_days)
        if min(*counts, self.min_recordings, self.min_units) < 1:
            raise ValueError("Days, permutations and minimum counts must be 1 or more.")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric against one baseline.

    Attributes:
        metric: Its name.
        family: Whose alarm it can raise.
        baseline: What it was compared with.
        test: How.
        n_current, n_baseline: Recordings with a figure.
        units_current, units_baseline: Units among them.
        effect_name, effect, minimum_effect: The effect size and the smallest that matters.
        p_value, q_value: Of the test; the latter after Benjamini-Hochberg over the day.
        current_mean, baseline_mean: Means of the figure, for people; the shares in the order
            of `COLUMNS` for the composition, empty for embeddings.
        psi: Population stability index, descriptive.
        outcome: The metric's outcome. What could not be tested has NaN figures.
    """

    metric: str
    family: Family
    baseline: Baseline
    test: Test
    n_current: int
    n_baseline: int
    units_current: int
    units_baseline: int
    effect_name: str
    effect: float
    minimum_effect: float
    p_value: float
    q_value: float
    current_mean: tuple[float, ...]
    baseline_mean: tuple[float, ...]
    psi: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DayReport:
    """Everything one day says."""

    day: date
    settings: Settings
    comparisons: tuple[Comparison, ...]

    def outcome(self, family: Family) -> Outcome:
        """Drift if any comparison of the family drifts; insufficient if none could be made."""
        found = [entry.outcome for entry in self.comparisons if entry.family is family]
        if Outcome.DRIFT in found:
            return Outcome.DRIFT
        return Outcome.STABLE if Outcome.STABLE in found else Outcome.INSUFFICIENT

    def kept(self, reference: str | None, recordings: int) -> KeptDay:
        """Return what is kept of it.

        Args:
            reference: Id of the frozen reference; None where there was none.
            recordings: Those judged.
        """
        outcomes = {family.value: self.outcome(family) for family in Family}
        return KeptDay(self.day, self.settings, outcomes, self.comparisons, reference, recordings)

    def violations(self) -> dict[str, Any]:
        """What drifted, in the form of SageMaker Model Monitor's constraint_violations.json."""
        return {
            "violations": [
                {
                    "feature_name": entry.metric,
                    "constraint_check_type": "baseline_drift_check",
                    "description": (
                        f"{entry.effect_name} {entry.effect:.3f} against the "
                        f"{entry.baseline.value} reaches {entry.minimum_effect:g} "
                        f"(q = {entry.q_value:.4f}, {entry.n_current} recordings)."
                    ),
                }
                for entry in self.comparisons
                if entry.outcome is Outcome.DRIFT
            ]
        }


@dataclass(frozen=True, slots=True)
class KeptDay:
    """The content of a day's `report.json`; null for what could not be computed.

    Attributes:
        day: The day.
        settings: How it was judged.
        outcomes: By family.
        comparisons: Each metric against each baseline.
        reference: Id of the frozen reference; None where there was none.
        recordings: Those judged.
    """

    day: date
    settings: Settings
    outcomes: dict[str, Outcome]
    comparisons: tuple[Comparison, ...]
    reference: str | None
    recordings: int


KEPT_DAY = Form(KeptDay, undefined=True)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A current sample, its baseline and the re-labellings of both."""

    baseline: Baseline
    both: Sample
    is_current: np.ndarray[Any, np.dtype[np.bool_]]
    clusters: np.ndarray[Any, np.dtype[np.int64]]
    labels: permutation.Relabellings


def judge_day(
    day: date,
    *,
    published: Sample,
    reference: Sample,
    settings: Settings | None = None,
    metrics: Sequence[Metric] = METRICS,
) -> DayReport:
    """Judge one day.

    Args:
        day: The day, UTC.
        published: What was published up to that day; later days are not read.
        reference: The frozen reference; its days do not matter.
        settings: How to judge; the defaults when left out.
        metrics: What to watch; embeddings are added where both samples carry them.

    Returns:
        The same report for the same input, whenever it is computed.
    """
    rule = settings or Settings()
    last = day.toordinal()
    first = last - rule.current_days + 1
    current = published.between(first, last)
    trailing = published.between(first - rule.trailing_days, first - 1)
    rng = np.random.default_rng([rule.seed, last])
    found: list[Comparison] = []
    for name, sample in ((Baseline.REFERENCE, reference), (Baseline.TRAILING, trailing)):
        pair = _pair(name, current, sample, rule, rng)
        embedded = pair.both.embeddings is not None
        watched = (*metrics, EMBEDDING) if embedded else tuple(metrics)
        found.extend(_compare(metric, pair, rule) for metric in watched)
    return DayReport(day, rule, tuple(_decide(found, rule.level)))


def _clusters(sample: Sample, unit: Unit) -> np.ndarray[Any, np.dtype[np.int64]]:
    return sample.studies if unit is Unit.STUDY else np.arange(len(sample), dtype=np.int64)


def _pair(
    name: Baseline, current: Sample, baseline: Sample, rule: Settings, rng: np.random.Generator
) -> _Pair:
    embeddings = None
    if current.embeddings is not None and baseline.embeddings is not None:
        embeddings = np.vstack([current.embeddings, baseline.embeddings])
    both = Sample(
        np.vstack([current.values, baseline.values]),
        np.concatenate([current.days, baseline.days]),
        np.concatenate([current.studies, baseline.studies]),
        embeddings,
    )
    is_current = np.arange(len(both)) < len(current)
    clusters = _clusters(both, rule.unit)
    labels = permutation.draw(is_current, clusters, permutations=rule.permutations, rng=rng)
    return _Pair(name, both, is_current, clusters, labels)


def _compare(metric: Metric, pair: _Pair, rule: Settings) -> Comparison:
    values = pair.both.values[:, [COLUMNS.index(name) for name in metric.columns]]
    present = np.isfinite(values).all(axis=1)
    sides = [present & pair.is_current, present & ~pair.is_current]
    recordings = [int(side.sum()) for side in sides]
    units = [len(np.unique(pair.clusters[side])) for side in sides]
    sufficient = min(recordings) >= rule.min_recordings and min(units) >= rule.min_units
    effect, p_value = _test(metric, values, pair) if sufficient else (math.nan, math.nan)
    means = [tuple(values[side].mean(axis=0).tolist()) if side.any() else () for side in sides]
    return Comparison(
        metric=metric.name,
        family=metric.family,
        baseline=pair.baseline,
        test=metric.test,
        n_current=recordings[0],
        n_baseline=recordings[1],
        units_current=units[0],
        units_baseline=units[1],
        effect_name=EFFECT_NAMES[metric.test],
        effect=effect,
        minimum_effect=metric.minimum_effect,
        p_value=p_value,
        q_value=math.nan,
        current_mean=means[0],
        baseline_mean=means[1],
        psi=_psi(values[sides[0]], values[sides[1]]) if sufficient else math.nan,
        outcome=Outcome.STABLE if sufficient else Outcome.INSUFFICIENT,
    )


def _test(metric: Metric, values: FloatArray, pair: _Pair) -> tuple[float, float]:
    match metric.test:
        case Test.KS:
            features, statistic = two_samples.ks_features(values[:, 0]), two_samples.ks_distance
        case Test.MANN_WHITNEY:
            features, statistic = (
                two_samples.rank_features(values[:, 0]),
                two_samples.mean_difference,
            )
        case Test.MEANS:
            features, statistic = values, two_samples.mean_difference
        case Test.JENSEN_SHANNON:
            features, statistic = values, two_samples.js_distance
        case Test.ENERGY:
            assert pair.both.embeddings is not None
            return energy_test(pair.both.embeddings, pair.labels)
    return permutation.compare_features(features, pair.labels, statistic)


def _psi(current: FloatArray, baseline: FloatArray) -> float:
    if current.shape[1] == 1:
        return two_samples.psi(current[:, 0], baseline[:, 0])
    if current.shape[1] == 0:
        return math.nan
    return two_samples.psi_of_shares(current.mean(axis=0), baseline.mean(axis=0))


def _decide(found: Sequence[Comparison], level: float) -> list[Comparison]:
    tested = [entry for entry in found if entry.outcome is not Outcome.INSUFFICIENT]
    adjusted = multiplicity.adjust([entry.p_value for entry in tested], "bh")
    q_values = dict(zip(map(id, tested), adjusted, strict=True))
    decided = []
    for entry in found:
        q_value = q_values.get(id(entry))
        if q_value is None:
            decided.append(entry)
            continue
        drift = q_value <= level and abs(entry.effect) >= entry.minimum_effect
        outcome = Outcome.DRIFT if drift else Outcome.STABLE
        decided.append(replace(entry, q_value=float(q_value), outcome=outcome))
    return decided
