"""Figures of a judged day to the sink, and one notice for each episode that opens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from include.composition import Services, build_metric_sink, build_notifier
from include.lake import keys
from include.monitoring.alarm import Outcome, State
from include.monitoring.drift import KEPT_DAY, Comparison
from include.monitoring.metrics import Family
from include.observability import catalogue
from include.observability.notice import Notice, Severity
from include.observability.sink import Metric
from include.pipeline.drift.days import CATCH_UP_DAYS, Judged

WORDS: Mapping[Family, str] = {
    Family.INPUT: "the quality of the faces",
    Family.COVERAGE: "how often a face is found",
    Family.PREDICTIONS: "the mix of displayed expressions",
    Family.CONFIDENCE: "the model's confidence",
}
_LEVELS = {State.QUIET: 0.0, State.CLOSED: 0.0, State.SUSPECTED: 1.0, State.OPEN: 2.0}


def tell(services: Services, judged: Judged) -> int:
    """Emit the figures of a day and tell of each episode that opened; return how many were new.

    Episodes that opened on the days before are told of as well, if nobody was: the
    monitor may not have run on them, or was stopped before it told.

    Raises:
        TransientError: The sink or the channel failed for now; telling again is right.
        ConfigurationError: A setting is wrong.
    """
    build_metric_sink(services).emit(day_figures(judged))
    notifier = build_notifier(services)
    earliest = judged.day - timedelta(days=CATCH_UP_DAYS - 1)
    return sum(
        notifier.send(_notice(services, judged.reference_id, day, family))
        for family, steps in judged.episodes.items()
        for day, step in zip(judged.days, steps, strict=True)
        if step.alert and day >= earliest
    )


def day_figures(judged: Judged) -> list[Metric]:
    """The figures of one day, at its end."""
    at = datetime.combine(judged.day, time(23, 59, 59), UTC)
    found = [catalogue.DRIFT_RECORDINGS.at(at, judged.report.recordings)]
    found += [
        catalogue.DRIFT_EPISODE.at(at, _LEVELS[steps[-1].state], Family=family.value)
        for family, steps in judged.episodes.items()
    ]
    found += [
        catalogue.DRIFT_EFFECT.at(
            at,
            abs(entry.effect) / entry.minimum_effect,
            Metric=entry.metric,
            Baseline=entry.baseline.value,
        )
        for entry in judged.report.comparisons
        if math.isfinite(entry.effect)
    ]
    return found


def _notice(services: Services, reference_id: str, day: date, family: Family) -> Notice:
    """The notice of the episode of a family that opened on that day."""
    prefix = keys.drift_day(reference_id or "none", day)
    report = services.lake.read(KEPT_DAY, f"{prefix}/{keys.DRIFT_REPORT}")
    drifted = [
        entry
        for entry in report.comparisons
        if entry.family is family and entry.outcome is Outcome.DRIFT
    ]
    return Notice(
        key=f"{prefix}/{family.value}",
        severity=Severity.WARNING,
        title=f"Drift: {WORDS[family]} has changed",
        body="\n".join(
            [
                f"On {day} an episode of drift opened in {WORDS[family]}.",
                *map(_sentence, drifted),
                "Look at the report and find out what changed: cameras, panel, stimulus, model.",
                "If the change is here to stay, freeze a new reference.",
            ]
        ),
        link=services.lake.uri(f"{prefix}/index.html"),
    )


def _sentence(entry: Comparison) -> str:
    return (
        f"- {entry.metric} against the {entry.baseline.value}: {entry.effect_name} "
        f"{entry.effect:.2f}, from {entry.minimum_effect:g} on it matters "
        f"(q = {entry.q_value:.3f}, {entry.n_current} recordings this week)"
    )
