"""Charts as inline SVG: geometry in percent of the width, text in pixels.

A drawing has no fixed width: horizontal positions are percentages, heights are
pixels, and curves sit in nested drawings that stretch. It is therefore sharp
and readable on a phone and on paper without a script. Colour is never alone:
every lane, bar and stretch carries its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from include.contracts.labels import EXPRESSIONS
from include.insights.moments import NONE, FloatArray, IntArray, Moments, Run, State, Track, runs

MAX_STEPS = 480
"""Longer series are thinned to about this many steps: more cannot be told apart on a screen."""

_TICKS_MAX = 7
_NICE_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)

_STATE_CLASS = {
    State.READABLE: "readable",
    State.ABSTAINED: "unsure",
    State.EXCLUDED: "unsure",
    State.NO_FACE: "noface",
    State.NO_FRAME: "noframe",
}
_STATE_WORDS = {
    State.ABSTAINED: "model abstained",
    State.EXCLUDED: "face not readable",
    State.NO_FACE: "not in view",
    State.NO_FRAME: "no frame",
}

_LABEL_MIN_PERCENT = 9.0
"""A stretch narrower than this has no room for its name."""
_LABEL_MIN_PERCENT_ON_PHONES = 24.0

_TENTHS_UNDER_S = 600


@dataclass(frozen=True, slots=True)
class Steps:
    """A face's series, thinned to m steps.

    Attributes:
        start_s: (m,) beginning of each step.
        end_s: (m,) end of each step.
        state: (m,) most frequent `State`; ties go to the more readable one.
        emotion: (m,) most frequent expression of the readable instants, or `NONE`.
        mean: (m, 7) mean probability, NaN where nothing was judged.
        highest: (m, 7) highest probability.
        instants_per_step: 1 when nothing was thinned.
    """

    start_s: FloatArray
    end_s: FloatArray
    state: IntArray
    emotion: IntArray
    mean: FloatArray
    highest: FloatArray
    instants_per_step: int


def steps(moments: Moments, track: Track, *, max_steps: int = MAX_STEPS) -> Steps:
    """Thin a face's series to at most `max_steps` steps of equally many instants."""
    count = len(moments.instant)
    size = max(1, math.ceil(count / max_steps))
    firsts = np.arange(0, count, size)
    lasts = np.minimum(firsts + size, count) - 1
    state = np.empty(len(firsts), dtype=np.int64)
    emotion = np.empty(len(firsts), dtype=np.int64)
    mean = np.full((len(firsts), len(EXPRESSIONS)), np.nan)
    highest = np.full((len(firsts), len(EXPRESSIONS)), np.nan)
    for index, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        part = slice(first, last + 1)
        state[index] = int(np.argmax(np.bincount(track.state[part], minlength=len(State))))
        named = track.emotion[part][track.emotion[part] != NONE]
        readable = state[index] == State.READABLE and named.size > 0
        emotion[index] = int(np.argmax(np.bincount(named))) if readable else NONE
        judged = track.probabilities[part][np.isfinite(track.probabilities[part, 0])]
        if judged.size:
            mean[index] = judged.mean(axis=0)
            highest[index] = judged.max(axis=0)
    return Steps(
        start_s=moments.start_s[firsts],
        end_s=moments.start_s[lasts] + moments.seconds[lasts],
        state=state,
        emotion=emotion,
        mean=mean,
        highest=highest,
        instants_per_step=size,
    )


def ticks(end_s: float) -> list[float]:
    """Round times from 0 to `end_s`, at most seven."""
    step = next((nice for nice in _NICE_S if end_s / nice < _TICKS_MAX), None)
    if step is None:
        step = math.ceil(end_s / _TICKS_MAX / 3600) * 3600
    return [round(index * step, 3) for index in range(int(end_s / step + 1e-9) + 1)]


def clock(time_s: float) -> str:
    """A time as people read it: 0:07, 12:30, 1:05:00; tenths only in short recordings."""
    whole = int(time_s)
    tenths = round((time_s - whole) * 10) if time_s < _TENTHS_UNDER_S else 0
    if tenths == 10:
        whole, tenths = whole + 1, 0
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{text}.{tenths}" if tenths else text


def percent_of(time_s: float, end_s: float) -> float:
    """Horizontal position of a time, 0..100."""
    return round(min(max(time_s / end_s, 0.0), 1.0) * 100, 3)


def step_path(start: FloatArray, end: FloatArray, values: FloatArray, end_s: float) -> str:
    """An area of steps in a 1000 x 100 drawing; NaN values leave a hole.

    Args:
        start: (m,) beginnings in seconds.
        end: (m,) ends in seconds.
        values: (m,) 0..1.
        end_s: Time at the right edge.
    """
    parts: list[str] = []
    for piece in _pieces(start, end, values):
        parts.append(f"M{_thousand(piece[0][0], end_s)} 100")
        parts += [
            f"V{_short(100 - 100 * value)}H{_thousand(right, end_s)}" for _, right, value in piece
        ]
        parts.append("V100Z")
    return "".join(parts)


def step_line(start: FloatArray, end: FloatArray, values: FloatArray, end_s: float) -> str:
    """An open line of steps in a 1000 x 100 drawing; NaN values interrupt it.

    Args:
        start: (m,) beginnings in seconds.
        end: (m,) ends in seconds.
        values: (m,) 0..1.
        end_s: Time at the right edge.
    """
    parts: list[str] = []
    for piece in _pieces(start, end, values):
        parts.append(f"M{_thousand(piece[0][0], end_s)} ")
        heights = [_short(100 - 100 * value) for _, _, value in piece]
        ends = [_thousand(right, end_s) for _, right, _ in piece]
        parts.append("V".join(f"{y}H{x}" for y, x in zip(heights, ends, strict=True)))
    return "".join(parts)


def _pieces(
    start: FloatArray, end: FloatArray, values: FloatArray
) -> Iterator[list[tuple[float, float, float]]]:
    """Cut a series where it is not finite or time is missing; yield (left, right, value) each."""
    piece: list[tuple[float, float, float]] = []
    for left, right, value in zip(start.tolist(), end.tolist(), values.tolist(), strict=True):
        if piece and not (math.isfinite(value) and abs(left - piece[-1][1]) <= 1e-6):
            yield piece
            piece = []
        if math.isfinite(value):
            piece.append((left, right, value))
    if piece:
        yield piece


def timeline_chart(moments: Moments, track: Track, chart_id: str = "timeline") -> Markup:
    """A face through time: a ribbon of named stretches over seven lanes of probability."""
    series = steps(moments, track)
    ribbon_h, lane_h, label_h, top = 34, 30, 22, 4
    lanes_top = top + ribbon_h + 8
    plot_bottom = lanes_top + len(EXPRESSIONS) * (lane_h + label_h)
    stretches = runs(series.start_s, series.end_s, series.state.tolist(), series.emotion.tolist())
    parts = [grid(moments.end_s, top, plot_bottom)]
    parts += [stretch(run, moments.end_s, top, ribbon_h) for run in stretches]
    for index, label in enumerate(EXPRESSIONS):
        lane_top = lanes_top + index * (lane_h + label_h)
        parts.append(_lane(series, index, label, moments.end_s, lane_top, label_h, lane_h))
    parts += [
        _veil(run, moments.end_s, lanes_top + index * (lane_h + label_h) + label_h, lane_h)
        for run in stretches
        if run.state in (State.NO_FACE, State.NO_FRAME)
        for index in range(len(EXPRESSIONS))
    ]
    parts.append(axis(moments.end_s, plot_bottom))
    named = [EXPRESSIONS[run.emotion] for run in stretches if run.emotion != NONE]
    description = (
        f"Displayed expressions of face {track.face_id} from 0:00 to {clock(moments.end_s)}: "
        f"{len(named)} stretches"
        + (f", first {named[0]}, last {named[-1]}." if named else ", none of them readable.")
        + " The table below lists them."
    )
    return drawing(chart_id, "Expression timeline", description, plot_bottom + 24, parts)


def presence_chart(moments: Moments, track: Track, chart_id: str) -> Markup:
    """One face's strip: where it was seen and what it displayed."""
    series = steps(moments, track)
    stretches = runs(series.start_s, series.end_s, series.state.tolist(), series.emotion.tolist())
    parts = ['<rect class="bed" x="0" y="0" width="100%" height="18"/>']
    parts += [
        stretch(run, moments.end_s, 0, 18)
        for run in stretches
        if run.state not in (State.NO_FACE, State.NO_FRAME)
    ]
    description = (
        f"Face {track.face_id} was seen in {int(track.present.sum())} of "
        f"{len(moments.instant)} sampled moments."
    )
    return drawing(chart_id, f"Presence of face {track.face_id}", description, 18, parts)


def overview_chart(moments: Moments) -> Markup:
    """A recording without any face: the strip of what was found instead."""
    end = moments.start_s + moments.seconds
    stretches = runs(moments.start_s, end, moments.state.tolist(), [NONE] * len(moments.state))
    parts = [grid(moments.end_s, 4, 38)]
    parts += [
        stretch(run, moments.end_s, 4, 34, words="no face" if run.state == State.NO_FACE else None)
        for run in stretches
    ]
    parts.append(axis(moments.end_s, 38))
    description = "No face was found in any sampled moment."
    return drawing("timeline", "Expression timeline", description, 62, parts)


def _lane(
    series: Steps, index: int, label: str, end_s: float, top: int, label_h: int, height: int
) -> str:
    area_top = top + label_h
    paths = []
    if series.instants_per_step > 1:
        peak = step_path(series.start_s, series.end_s, series.highest[:, index], end_s)
        paths.append(f'<path class="peak e-{label}" d="{peak}"/>')
    mean = step_path(series.start_s, series.end_s, series.mean[:, index], end_s)
    paths.append(f'<path class="e-{label}" d="{mean}"/>')
    return (
        f'<rect class="e-{label}" x="0" y="{area_top - 14}" width="9" height="9" rx="2"/>'
        f'<text class="lane" x="15" y="{area_top - 5}">{escape(label)}</text>'
        f'<rect class="lane-bed" x="0" y="{area_top}" width="100%" height="{height}"/>'
        f'<svg x="0" y="{area_top}" width="100%" height="{height}" viewBox="0 0 1000 100" '
        f'preserveAspectRatio="none">{"".join(paths)}</svg>'
        f'<line class="base" x1="0" x2="100%" y1="{area_top + height}" y2="{area_top + height}"/>'
    )


def stretch(run: Run, end_s: float, top: int, height: int, *, words: str | None = None) -> str:
    """A coloured or patterned stretch, with its name where there is room."""
    x, width = _span(run, end_s)
    if run.emotion != NONE:
        label = EXPRESSIONS[run.emotion]
        style, words = f"e-{label}", label
    else:
        style = _STATE_CLASS[State(run.state)]
        words = words or _STATE_WORDS.get(State(run.state), "")
    title = f"{clock(run.start_s)} to {clock(run.end_s)}: {words}"
    rect = (
        f'<rect class="stretch {style}" x="{x}%" y="{top}" width="{width}%" height="{height}">'
        f"<title>{escape(title)}</title></rect>"
    )
    if width < _LABEL_MIN_PERCENT:
        return rect
    kind = "on" if run.emotion != NONE else "off"
    if width < _LABEL_MIN_PERCENT_ON_PHONES:
        kind += " odd"
    # A nested drawing clips the name at the edge of its stretch.
    return rect + (
        f'<svg x="{x}%" y="{top}" width="{width}%" height="{height}">'
        f'<text class="{kind} t-{style}" x="50%" y="{height // 2 + 4}">{escape(words)}</text></svg>'
    )


def _veil(run: Run, end_s: float, top: int, height: int) -> str:
    x, width = _span(run, end_s)
    style = _STATE_CLASS[State(run.state)]
    return f'<rect class="veil {style}" x="{x}%" y="{top}" width="{width}%" height="{height}"/>'


def grid(end_s: float, top: int, bottom: int) -> str:
    """Draw upright lines at round times."""
    return "".join(
        f'<line class="grid" x1="{x}%" x2="{x}%" y1="{top}" y2="{bottom}"/>'
        for x in (percent_of(tick, end_s) for tick in ticks(end_s))
    )


def axis(end_s: float, top: int) -> str:
    """Write the round times under a plot."""
    parts = []
    for number, tick in enumerate(ticks(end_s)):
        x = percent_of(tick, end_s)
        anchor = "start" if x < 3 else "end" if x > 97 else "middle"
        odd = " odd" if number % 2 else ""
        parts.append(
            f'<text class="tick {anchor}{odd}" x="{x}%" y="{top + 17}">{clock(tick)}</text>'
        )
    return "".join(parts)


def drawing(
    chart_id: str, title: str, description: str, height: int, parts: Iterable[str]
) -> Markup:
    """Put a drawing together; `parts` are SVG with every text escaped."""
    # Every text in `parts` is escaped where it is written.
    return Markup(  # noqa: S704
        f'<svg class="chart" role="img" width="100%" height="{height}" '
        f'aria-labelledby="{chart_id}-title {chart_id}-desc">'
        f'<title id="{chart_id}-title">{escape(title)}</title>'
        f'<desc id="{chart_id}-desc">{escape(description)}</desc>{"".join(parts)}</svg>'
    )


def _span(run: Run, end_s: float) -> tuple[float, float]:
    x = percent_of(run.start_s, end_s)
    return x, round(max(percent_of(run.end_s, end_s) - x, 0.05), 3)


def _thousand(time_s: float, end_s: float) -> str:
    return _short(percent_of(time_s, end_s) * 10)


def _short(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") or "0"
