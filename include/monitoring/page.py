"""The day's report as a page for people: one self-contained HTML file, plain words first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from include.contracts.labels import EXPRESSIONS
from include.monitoring import trend
from include.monitoring.alarm import Outcome, Policy, State, Step
from include.monitoring.drift import Baseline, Comparison, DayReport
from include.monitoring.metrics import Family
from include.monitoring.watched import COLUMNS, SCALARS, SHARES, Sample
from include.pages.environment import page_template

FAMILY_TITLES: Mapping[Family, str] = {
    Family.INPUT: "Quality of the faces",
    Family.COVERAGE: "Faces found",
    Family.PREDICTIONS: "Displayed expressions",
    Family.CONFIDENCE: "Confidence of the model",
}
METRIC_TITLES: Mapping[str, tuple[str, str, int]] = {
    # title, unit, decimals
    "brightness": ("Brightness", "grey level, 0 to 255", 0),
    "sharpness": ("Sharpness", "variance of the Laplacian", 0),
    "face_side_px": ("Size of the face", "pixels", 0),
    "head_turn_deg": ("Turn of the head", "degrees", 1),
    "face_coverage": ("Frames with a face", "share", 3),
    "confidence": ("Confidence", "0 to 1", 3),
    "abstention_share": ("Abstentions", "share of judged faces", 3),
    "expression_shares": ("Mix of expressions", "seven shares", 3),
    "embedding": ("Look of the faces", "embedding", 3),
}
_STATE_WORDS: Mapping[State, tuple[str, str]] = {
    # severity, word
    State.QUIET: ("good", "Quiet"),
    State.CLOSED: ("good", "Closed today"),
    State.SUSPECTED: ("care", "Suspected"),
    State.OPEN: ("bad", "Open episode"),
}
_EFFECT_TITLES: Mapping[str, str] = {
    "ks_distance": "KS distance",
    "cliffs_delta": "Cliff's delta",
    "mean_difference": "difference of means",
    "js_distance": "JS distance",
    "energy_coefficient": "energy coefficient",
}
_STRIP_DAYS = 35
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class PageInput:
    """What the page shows.

    Attributes:
        report: The judged day.
        days: Judged days against the same reference, this one last.
        episodes: Per family a step for each of those days.
        published: What the day was judged on.
        reference: The frozen reference; without recordings where there is none.
        reference_days: Its first and last day.
        model_versions: Recordings of the week by the version that answered.
    """

    report: DayReport
    days: Sequence[date]
    episodes: Mapping[Family, Sequence[Step]]
    published: Sample
    reference: Sample
    reference_days: tuple[date, date] | None
    model_versions: Mapping[str, int]


def render_page(given: PageInput) -> bytes:
    """Render the report."""
    report = given.report
    last = report.day.toordinal()
    current = given.published.between(last - report.settings.current_days + 1, last)
    families = [_family(given, family) for family in Family]
    html = page_template(_TEMPLATES, "drift.html.j2").render(
        day=report.day,
        settings=report.settings,
        policy=Policy(),
        recordings=len(current),
        studies=len(np.unique(current.studies)),
        model_versions=given.model_versions,
        reference_days=given.reference_days,
        reference_n=len(given.reference),
        families=families,
        verdict=_verdict(families, report, has_reference=len(given.reference) > 0),
        strip_days=list(given.days)[-_STRIP_DAYS:],
        comparisons=[
            _row(entry)
            for entry in report.comparisons
            if len(given.reference) or entry.baseline is Baseline.TRAILING
        ],
        shares=_shares(report),
        trends=[(METRIC_TITLES[name], _trend(given, name)) for name in SCALARS],
        plot=trend,
    )
    return html.encode("utf-8", "replace")


def _family(given: PageInput, family: Family) -> dict[str, Any]:
    steps = list(given.episodes[family])
    severity, word = _STATE_WORDS[steps[-1].state]
    outcome = given.report.outcome(family)
    if outcome is Outcome.INSUFFICIENT and steps[-1].state is State.QUIET:
        severity, word = "none", "Too few recordings"
    opened = [day for day, step in zip(given.days, steps, strict=True) if step.alert]
    since = opened[-1] if opened and steps[-1].state is State.OPEN else None
    return {
        "title": FAMILY_TITLES[family],
        "severity": severity,
        "word": word,
        "since": since,
        "today": outcome.value,
        "strip": [(_STATE_WORDS[step.state][0], step.state.value) for step in steps][-_STRIP_DAYS:],
    }


def _verdict(
    families: Sequence[Mapping[str, Any]], report: DayReport, *, has_reference: bool
) -> tuple[str, str, str]:
    """Severity, headline, sentence."""
    opened = [entry["title"].lower() for entry in families if entry["severity"] == "bad"]
    suspected = [entry["title"].lower() for entry in families if entry["severity"] == "care"]
    if opened:
        return (
            "bad",
            "Something has changed",
            f"An episode of drift is open: {', '.join(opened)}. What drifted stands below.",
        )
    if suspected:
        return (
            "care",
            "One unusual day",
            (
                f"Suspected: {', '.join(suspected)}. It takes {Policy().needed} drifting days of "
                f"{Policy().among} to open an episode; nobody was told."
            ),
        )
    if all(report.outcome(family) is Outcome.INSUFFICIENT for family in Family):
        return (
            "none",
            "Too little to compare",
            (
                f"Each sample needs {report.settings.min_recordings} recordings of "
                f"{report.settings.min_units} {report.settings.unit.value}s. Nothing is said today."
            ),
        )
    like = "the weeks before it and like the reference" if has_reference else "the weeks before it"
    return (
        "good",
        "No drift",
        f"What was published this week looks like {like}, as far as each had enough recordings.",
    )


def _row(entry: Comparison) -> dict[str, Any]:
    title, unit, digits = METRIC_TITLES[entry.metric]
    tested = entry.outcome is not Outcome.INSUFFICIENT
    ratio = abs(entry.effect) / entry.minimum_effect if tested else 0.0
    single = len(entry.current_mean) == 1
    return {
        "title": title,
        "unit": unit,
        "baseline": "reference" if entry.baseline is Baseline.REFERENCE else "weeks before",
        "n": (entry.n_current, entry.n_baseline),
        "units": (entry.units_current, entry.units_baseline),
        "current": f"{entry.current_mean[0]:.{digits}f}" if single else "–",
        "before": f"{entry.baseline_mean[0]:.{digits}f}" if len(entry.baseline_mean) == 1 else "–",
        "effect_name": _EFFECT_TITLES[entry.effect_name],
        # Adding zero turns a rounded -0.0 into 0.0.
        "effect": f"{round(entry.effect, 2) + 0.0:+.2f}" if tested else None,
        "minimum": f"{entry.minimum_effect:g}",
        # The bar ends at three times the minimum; the minimum is its mark at a third.
        "bar": min(ratio, 3.0) / 3.0,
        "q": f"{entry.q_value:.3f}" if tested else None,
        "outcome": entry.outcome.value,
    }


def _shares(report: DayReport) -> list[tuple[str, float | None, float | None, float | None]]:
    """Expression, its share this week, in the reference, in the weeks before; None unknown."""
    found: dict[Baseline, Comparison] = {
        entry.baseline: entry for entry in report.comparisons if entry.metric == "expression_shares"
    }

    def at(values: Sequence[float], index: int) -> float | None:
        return values[index] if len(values) == len(SHARES) else None

    reference, trailing = found[Baseline.REFERENCE], found[Baseline.TRAILING]
    return [
        (
            label,
            at(reference.current_mean, index),
            at(reference.baseline_mean, index),
            at(trailing.baseline_mean, index),
        )
        for index, label in enumerate(EXPRESSIONS)
    ]


def _trend(given: PageInput, name: str) -> trend.Placed | None:
    settings, day = given.report.settings, given.report.day
    length = settings.current_days + settings.trailing_days
    column = COLUMNS.index(name)
    means = []
    for ordinal in range(day.toordinal() - length + 1, day.toordinal() + 1):
        values = given.published.between(ordinal, ordinal).values[:, column]
        finite = values[np.isfinite(values)]
        means.append(float(finite.mean()) if finite.size else float("nan"))
    frozen = given.reference.values[:, column]
    frozen = frozen[np.isfinite(frozen)]
    band = None
    if frozen.size:
        centre, spread = float(frozen.mean()), float(frozen.std())
        band = (centre - spread, centre + spread)
    return trend.place(
        trend.Trend(
            label=METRIC_TITLES[name][0],
            values=means,
            current_days=settings.current_days,
            band=band,
            first_day=f"{day - timedelta(days=length - 1):%d %b}",
            last_day=f"{day:%d %b}",
            digits=METRIC_TITLES[name][2] if METRIC_TITLES[name][2] < 3 else 2,
        )
    )
