"""Pairs of analyses of the same recording: the same manifest, two models."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from include.contracts.summary import RECORDING_SUMMARY
from include.insights.change import Analysed, RecordingChange, recording_changes
from include.insights.publish import ReportContext
from include.insights.summary import summarise
from tests.unit.insights.recordings import context, manifest, predictions, story

Top = Callable[[int, int], tuple[str, float]]


def analysed(name: str, version: str, top: Top, **manifest_args: Any) -> Analysed:
    """One published analysis, as `render_results` writes its summary."""
    table = predictions(manifest(**manifest_args), top=top)
    instants = manifest_args["instants"]
    given: ReportContext = context(float(instants), recording=name)
    moments = given.moments(table)
    summary = {
        "recording": name,
        "study": given.study,
        "model": {"version": version},
        **summarise(
            moments, given.choice(moments), sample_rate_hz=1.0, validation=given.validation
        ),
    }
    kept = RECORDING_SUMMARY.read(json.dumps(summary), "summary.json")
    return Analysed(f"published/{name}/{version}", table, kept)


def pair(name: str, after: Top, **manifest_args: Any) -> tuple[Analysed, Analysed]:
    """The story by version 3, and what version 4 makes of it."""
    arguments = {"instants": 60, **manifest_args}
    return analysed(name, "3", story, **arguments), analysed(name, "4", after, **arguments)


def change(name: str, after: Top, *, respondent: str = "p", **arguments: Any) -> RecordingChange:
    """Compare such a pair."""
    before, now = pair(name, after, **arguments)
    [found] = recording_changes(before, now, respondent=respondent, in_front=False)
    return found


def surprised(instant: int, face: int) -> tuple[str, float]:
    """The story, with surprise where there was sadness."""
    label, p = story(instant, face)
    return ("surprise", 0.6) if label == "sadness" else (label, p)


def unsure(instant: int, face: int) -> tuple[str, float]:
    """The story, with an answer under the threshold where there was happiness."""
    label, p = story(instant, face)
    return (label, 0.3) if label == "happiness" else (label, p)
