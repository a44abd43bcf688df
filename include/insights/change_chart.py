"""Curves of two models over one recording: two ribbons, and a lane for each expression."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup, escape

from include.contracts.labels import EXPRESSIONS
from include.insights.charts import (
    Steps,
    axis,
    clock,
    drawing,
    grid,
    step_line,
    step_path,
    steps,
    stretch,
)
from include.insights.moments import Moments, Track, runs

MAX_STEPS = 240
"""Fewer than in a report: a page of changes holds many recordings."""
SHOWN_FROM = 0.2
"""An expression whose probability never reaches this in either model gets no lane."""

_RIBBON_H, _LANE_H, _LABEL_H, _TOP = 26, 34, 22, 18


def change_chart(before: Moments, after: Moments, face_id: str, chart_id: str) -> Markup:
    """Draw what a face displayed by the old and by the new analysis.

    Args:
        before: The recording by the old analysis.
        after: The same instants by the new one.
        face_id: A face of both.
        chart_id: Unique in the page.
    """
    pair = [
        steps(moments, _track(moments, face_id), max_steps=MAX_STEPS) for moments in (before, after)
    ]
    end_s = after.end_s
    shown = lanes(pair[0], pair[1])
    lanes_top = _TOP + 2 * (_RIBBON_H + _TOP)
    bottom = lanes_top + len(shown) * (_LANE_H + _LABEL_H)
    parts = [grid(end_s, _TOP, bottom)]
    for number, (words, series) in enumerate(zip(("before", "after"), pair, strict=True)):
        top = _TOP + number * (_RIBBON_H + _TOP)
        parts.append(f'<text class="lane" x="0" y="{top - 5}">{words}</text>')
        named = runs(series.start_s, series.end_s, series.state.tolist(), series.emotion.tolist())
        parts += [stretch(run, end_s, top, _RIBBON_H) for run in named]
    parts += [
        _lane(pair[0], pair[1], index, end_s, lanes_top + number * (_LANE_H + _LABEL_H))
        for number, index in enumerate(shown)
    ]
    parts.append(axis(end_s, bottom))
    description = (
        f"Displayed expressions of face {face_id} from 0:00 to {clock(end_s)} by both models; "
        "the table lists the figures."
    )
    return drawing(chart_id, "Both models through time", description, bottom + 24, parts)


def lanes(before: Steps, after: Steps) -> list[int]:
    """Return the indices of expressions that are worth a lane; none where nothing was judged."""
    both = np.vstack([before.mean, after.mean])
    if not np.isfinite(both).any():
        return []
    highest = np.nanmax(np.where(np.isfinite(both), both, 0.0), axis=0)
    return [index for index, value in enumerate(highest.tolist()) if value >= SHOWN_FROM]


def _lane(before: Steps, after: Steps, index: int, end_s: float, top: int) -> str:
    label = EXPRESSIONS[index]
    area_top = top + _LABEL_H
    old = step_path(before.start_s, before.end_s, before.mean[:, index], end_s)
    new = step_line(after.start_s, after.end_s, after.mean[:, index], end_s)
    return (
        f'<rect class="e-{label}" x="0" y="{area_top - 14}" width="9" height="9" rx="2"/>'
        f'<text class="lane" x="15" y="{area_top - 5}">{escape(label)}</text>'
        f'<rect class="lane-bed" x="0" y="{area_top}" width="100%" height="{_LANE_H}"/>'
        f'<svg x="0" y="{area_top}" width="100%" height="{_LANE_H}" viewBox="0 0 1000 100" '
        f'preserveAspectRatio="none"><path class="was" d="{old}"/>'
        f'<path class="now" d="{new}" vector-effect="non-scaling-stroke"/></svg>'
        f'<line class="base" x1="0" x2="100%" y1="{area_top + _LANE_H}" '
        f'y2="{area_top + _LANE_H}"/>'
    )


def _track(moments: Moments, face_id: str) -> Track:
    return next(track for track in moments.tracks if track.face_id == face_id)
