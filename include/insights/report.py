"""The report that a marketer opens: one self-contained HTML file.

It loads nothing and runs nothing. Names of recordings and studies are hostile
input: the template escapes every value, and the page's own content policy
forbids whatever would slip through.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from include.contracts.columns import COLUMNS
from include.contracts.containers import CONTAINERS
from include.contracts.extraction import Extraction
from include.contracts.rows import UNKNOWN_FACE
from include.contracts.validation import ValidationResult
from include.insights import tables
from include.insights.charts import (
    clock,
    overview_chart,
    presence_chart,
    steps,
    timeline_chart,
)
from include.insights.evaluation import Evaluation, read_evaluation
from include.insights.moments import Moments
from include.insights.respondent import Choice
from include.insights.verdict import Verdict
from include.pages.environment import page_template
from include.pages.formats import sentence
from include.statistics import words
from include.statistics.words import percent

REPORT = "report.html"
_TEMPLATES = Path(__file__).parent / "templates"

MAX_FACES = 8
MAX_TABLE_ROWS = 120
MAX_THUMBNAILS = 8
MAX_THUMBNAIL_BYTES = 600_000
"""Of all thumbnails together: the file stays small enough to be mailed."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, bidirectional overrides, lone surrogates, line separators."""

_VERDICTS: Mapping[str, tuple[str, str]] = {
    Verdict.GOOD: ("good", "Good"),
    Verdict.CARE: ("care", "Usable with care"),
    Verdict.NOT_USABLE: ("bad", "Not usable"),
}

_CONTAINER_NAMES = {kind.demuxer: kind.name for kind in CONTAINERS}


def render_report(
    summary: Mapping[str, Any],
    moments: Moments,
    choice: Choice,
    *,
    extraction: Extraction,
    validation: ValidationResult | None,
    model: Mapping[str, Any],
    code_versions: Mapping[str, str],
    provenance: Mapping[str, Any],
    thumbnails: Sequence[tuple[float, bytes]],
    extra_files: Sequence[tuple[str, str]],
) -> bytes:
    """Render `report.html`.

    Args:
        summary: What `summarise` returns, with the recording's identity.
        moments: The recording, for the charts.
        choice: Whom it is about.
        extraction: Facts about the file and the sampling.
        validation: The data-quality result.
        model: The model and its metrics.
        code_versions: Version by stage.
        provenance: Further lines for the table of versions.
        thumbnails: (presentation time in seconds, JPEG bytes).
        extra_files: (file name, what it is).
    """
    # The respondents first: they are never among the faces that are left to the tables.
    shown = [*choice.tracks, *(other.face.track for other in choice.others)][:MAX_FACES]
    faces = {face["face_id"]: face for face in summary["faces"]}
    evaluation = read_evaluation(model.get("metrics") or {})
    verdict_class, verdict_title = _VERDICTS[summary["quality"]["verdict"]]
    html = page_template(_TEMPLATES, "report.html.j2").render(
        recording=display_text(summary["recording"]),
        study=display_text(summary["study"]),
        summary=summary,
        rules=[
            (_VERDICTS[rule["verdict"]][0], rule["verdict"], rule["sentence"])
            for rule in summary["quality"]["rules"]
        ],
        verdict_class=verdict_class,
        verdict_title=verdict_title,
        overview=overview_chart(moments),
        respondents=_respondents(summary, moments, choice),
        whom=_whom(summary["respondents"]),
        labels_of=choice.label_of,
        faces=[
            (faces[track.face_id], presence_chart(moments, track, f"face-{number}"))
            for number, track in enumerate(shown)
        ],
        faces_found=sum(face_id != UNKNOWN_FACE for face_id in faces),
        unknown=faces.get(UNKNOWN_FACE),
        facts=_facts(extraction, moments),
        validation=validation,
        model=model,
        evaluation=evaluation,
        headlines=_headlines(evaluation),
        versions=_versions(model, code_versions, provenance, summary),
        thumbnails=_thumbnails(thumbnails, moments.origin_s),
        files=[
            (quote(Path(name).name, safe="", errors="replace"), name, text)
            for name, text in (*tables.FILES, *extra_files)
        ],
        columns=COLUMNS,
        max_others=MAX_FACES,
        clock=clock,
        period_s=1.0 / float(summary["sampling"]["rate_hz"]),
    )
    # Text that is no valid Unicode (from odd file names) must not stop a report.
    return html.encode("utf-8", "replace")


def display_text(text: str) -> str:
    """A text of people's choice without characters that hide or reorder what is shown."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _INVISIBLE else character
        for character in text
    )


def _respondents(
    summary: Mapping[str, Any], moments: Moments, choice: Choice
) -> list[dict[str, Any]]:
    """What the page shows of each respondent: figures, chart and stretches."""
    shown = []
    for number, (figures, item) in enumerate(
        zip(summary["respondents"], choice.respondents, strict=True), start=1
    ):
        segments, bars = figures["segments"], _bars(figures)
        chart_id = "timeline" if number == 1 else f"timeline-{number}"
        shown.append(
            {
                "figures": figures,
                "bars": bars,
                "bar_rows": [_bar_row(bar) for bar in bars],
                "chart": timeline_chart(moments, item.track, chart_id),
                "thinned": steps(moments, item.track).instants_per_step,
                "segments": segments[:MAX_TABLE_ROWS],
                "segments_left": max(0, len(segments) - MAX_TABLE_ROWS),
            }
        )
    return shown


def _whom(respondents: Sequence[Mapping[str, Any]]) -> str:
    """Name the faces that the report is about: "face f1", "left (f2) and right (f1)"."""
    if len(respondents) == 1 and not respondents[0]["seat"]:
        return f"face {respondents[0]['face_id']}"
    names = [
        f"{item['seat'] or 'respondent ' + item['respondent']} (face {item['face_id']})"
        for item in respondents
    ]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _bars(face: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Expressions by share, largest first; none when nothing was readable."""
    if not face["readable_instants"]:
        return []
    expressions: list[Mapping[str, Any]] = face["expressions"]
    return sorted(expressions, key=lambda entry: -(entry["share"] or 0.0))


def _bar_row(bar: Mapping[str, Any]) -> tuple[str, float, str, tuple[str, str]]:
    """Name, length, class and texts, as the component takes them."""
    label, share = bar["expression"], bar["share"]
    return label, share, f"e-{label}", (percent(share), str(bar["instants"]))


def _headlines(evaluation: Evaluation | None) -> list[tuple[str, str]]:
    figures = evaluation.headlines if evaluation else {}
    return [(name, words.number(figure, 3)) for name, figure in figures.items()]


def _facts(extraction: Extraction, moments: Moments) -> list[tuple[str, str]]:
    facts = [("Duration", clock(moments.end_s))]
    facts.append(("Picture", f"{extraction.width_px} × {extraction.height_px}"))
    container = _CONTAINER_NAMES.get(extraction.container, extraction.container)
    facts.append(("Format", f"{container}, {extraction.codec}"))
    rate = extraction.sample_rate_hz
    every = "1 frame per second" if rate == 1 else f"{rate:g} frames per second"
    facts.append(("Sampled", every))
    finite = moments.pts_s[np.isfinite(moments.pts_s)]
    if finite.size:
        first_s, last_s = finite.min() - moments.origin_s, finite.max() - moments.origin_s
        span = f"{clock(float(first_s))} to {clock(float(last_s))}"
        facts.append(("Frames read", f"{finite.size}, from {span}"))
    return facts


def _versions(
    model: Mapping[str, Any],
    code_versions: Mapping[str, str],
    provenance: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> list[tuple[str, str]]:
    lines = [
        ("Model", f"{model.get('name', 'unnamed')}, version {model.get('version', 'unknown')}"),
        ("Model package (sha256)", str(model.get("sha256", "unknown"))),
        ("Recording (sha256)", str(summary["video_id"])),
        ("Analysis", str(summary["analysis_id"])),
    ]
    for key, label in (("temperature", "Temperature"), ("abstain_threshold", "Abstains under")):
        if model.get(key) is not None:
            lines.append((label, f"{float(model[key]):.3g}"))
    lines += [(f"Code: {name}", str(version)) for name, version in sorted(code_versions.items())]
    lines += [(sentence(name), str(value)) for name, value in sorted(provenance.items())]
    return lines


def _thumbnails(
    given: Sequence[tuple[float, bytes]], origin_s: float
) -> list[tuple[str, str, str]]:
    """Address, words and time of a few, evenly spread, within the size the file may have."""
    count = min(MAX_THUMBNAILS, len(given))
    if not count:
        return []
    ordered = sorted(given, key=lambda item: item[0])
    spread = max(count - 1, 1)
    chosen = [ordered[round(index * (len(ordered) - 1) / spread)] for index in range(count)]
    left = MAX_THUMBNAIL_BYTES
    shown = []
    for pts_s, jpeg in chosen:
        if len(jpeg) <= left and jpeg.startswith(b"\xff\xd8"):
            left -= len(jpeg)
            data = base64.b64encode(jpeg).decode()
            time = clock(max(pts_s - origin_s, 0.0))
            shown.append((f"data:image/jpeg;base64,{data}", f"Frame at {time}", time))
    return shown
