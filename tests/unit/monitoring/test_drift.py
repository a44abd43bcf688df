"""One day against its baselines."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from benchmarks.simulations.traffic import SHIFTS, Traffic, happier, make
from include.monitoring.alarm import Outcome
from include.monitoring.drift import KEPT_DAY, Baseline, DayReport, Settings, Unit, judge_day
from include.monitoring.metrics import Family
from include.monitoring.watched import COLUMNS, Sample

QUICK = Settings(permutations=499)
LAST = 63  # 28 days of reference, 28 trailing, the week


def world(seed: int = 0, traffic: Traffic | None = None) -> tuple[Sample, Sample]:
    made = make(traffic or Traffic(), days=LAST, rng=np.random.default_rng(seed))
    return made.between(1, 28), made.between(29, LAST)


def judge(reference: Sample, published: Sample, settings: Settings = QUICK) -> DayReport:
    return judge_day(
        date.fromordinal(LAST), published=published, reference=reference, settings=settings
    )


def shifted(published: Sample, name: str) -> Sample:
    values = published.values.copy()
    week = published.days > LAST - 7
    changed = values[week]
    SHIFTS[name](changed)
    values[week] = changed
    return replace(published, values=values)


@pytest.mark.parametrize(
    ("shift", "family"),
    [
        ("darkening by 30 %", Family.INPUT),
        ("face coverage -15 points", Family.COVERAGE),
        ("happiness share +10 points", Family.PREDICTIONS),
        ("confidence -0.05", Family.CONFIDENCE),
    ],
)
def test_a_shift_is_found_in_its_own_family_alone(shift: str, family: Family) -> None:
    # Alike studies, so that one day decides; how often real ones hide a shift is measured by
    # benchmarks.simulations.drift.
    reference, published = world(traffic=Traffic(study_effects=False))
    before, after = judge(reference, published), judge(reference, shifted(published, shift))
    assert {entry: before.outcome(entry) for entry in Family} == dict.fromkeys(
        Family, Outcome.STABLE
    )
    drifting = {entry for entry in Family if after.outcome(entry) is Outcome.DRIFT}
    assert drifting == {family}
    assert after.violations()["violations"]


def test_under_the_minimum_effect_nothing_drifts_however_significant() -> None:
    reference, published = world()
    values = published.values.copy()
    index = COLUMNS.index("face_coverage")
    values[:, index] = reference.values[:, index].mean() - 0.03
    known = reference.values.copy()
    known[:, index] = known[:, index].mean()
    report = judge(replace(reference, values=known), replace(published, values=values))
    found = next(e for e in report.comparisons if e.metric == "face_coverage")
    assert found.q_value <= QUICK.level
    assert found.effect == pytest.approx(-0.03)
    assert found.outcome is Outcome.STABLE


def test_too_few_recordings_or_studies_say_nothing() -> None:
    reference, published = world()
    few = published.where((published.days <= LAST - 7) | (np.arange(len(published)) % 30 == 0))
    assert judge(reference, few).outcome(Family.INPUT) is Outcome.INSUFFICIENT
    one = replace(published, studies=np.where(published.days > LAST - 7, 999, published.studies))
    assert judge(reference, one).outcome(Family.INPUT) is Outcome.INSUFFICIENT
    by_recording = replace(QUICK, unit=Unit.RECORDING)
    assert judge(reference, one, by_recording).outcome(Family.INPUT) is Outcome.STABLE


def test_no_recordings_at_all() -> None:
    reference, published = world()
    nothing = published.between(1, 2)
    report = judge(reference, nothing)
    assert {report.outcome(family) for family in Family} == {Outcome.INSUFFICIENT}
    KEPT_DAY.write(report.kept(None, 0))


def test_a_figure_that_is_missing_silences_its_own_tests_alone() -> None:
    reference, published = world()
    values = published.values.copy()
    values[:, COLUMNS.index("confidence")] = np.nan
    report = judge(reference, replace(published, values=values))
    silent = {e.metric for e in report.comparisons if e.outcome is Outcome.INSUFFICIENT}
    assert silent == {"confidence"}


def test_the_same_day_is_judged_alike_and_later_days_are_not_read() -> None:
    reference, published = world()
    later = replace(published, days=published.days + 1000)
    together = Sample(
        np.vstack([published.values, later.values]),
        np.concatenate([published.days, later.days]),
        np.concatenate([published.studies, later.studies]),
    )
    first, second = judge(reference, published), judge(reference, together)
    assert KEPT_DAY.write(first.kept("r", 1)) == KEPT_DAY.write(second.kept("r", 1))


def test_embeddings_are_watched_where_both_samples_have_them() -> None:
    reference, published = world()
    rng = np.random.default_rng(2)
    known = replace(reference, embeddings=rng.normal(size=(len(reference), 6)))
    vectors = rng.normal(size=(len(published), 6))
    vectors[published.days > LAST - 7] += 1.0
    report = judge(known, replace(published, embeddings=vectors))
    found = {e.baseline: e.outcome for e in report.comparisons if e.metric == "embedding"}
    assert found == {Baseline.REFERENCE: Outcome.DRIFT, Baseline.TRAILING: Outcome.DRIFT}
    one_sided = judge(reference, replace(published, embeddings=vectors))
    baselines = [e.baseline for e in one_sided.comparisons if e.metric == "embedding"]
    assert baselines == [Baseline.TRAILING]


def test_the_made_shift_of_shares_is_ten_points_and_stays_a_composition() -> None:
    values = make(Traffic(), days=30, rng=np.random.default_rng(1)).values
    before = values[:, COLUMNS.index("share_happiness")].mean()
    happier(values)
    assert values[:, COLUMNS.index("share_happiness")].mean() - before == pytest.approx(0.1)
    assert values[:, -7:].sum(axis=1) == pytest.approx(1.0)
    assert values[:, -7:].min() >= 0.0


@pytest.mark.parametrize("wrong", [{"level": 0.0}, {"permutations": 0}, {"min_units": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        Settings(**wrong)  # type: ignore[arg-type]
