"""The state of the labels as a page for people: queues, answers, agreement, bad files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.labelling.html import share_text, template, time_text, value_text
from include.labelling.tasks import TEXTS

ALPHA_GOOD, ALPHA_USABLE = 0.8, 0.667
"""Krippendorff 2004, "Reliability in Content Analysis", Human Communication Research 30:
conclusions rest on an alpha of 0.8 or more, tentative ones on 0.667."""


def render_overview(summary: Mapping[str, Any]) -> bytes:
    """Render `labels/summary.json` as one self-contained HTML file."""
    answers = [
        (answer, TEXTS[answer], summary["answers"].get(answer, 0))
        for answer in TEXTS
        if summary["answers"].get(answer)
    ]
    html = template("overview.html.j2").render(
        summary=summary,
        answers=sorted(answers, key=lambda item: -item[2]),
        verdict=alpha_verdict(summary["agreement"]),
        verdict_of=alpha_verdict,
        refused=[item for item in summary["files"] if item["reason"]],
        share=share_text,
        value=value_text,
        time=time_text,
    )
    return html.encode("utf-8", "replace")


def alpha_verdict(found: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return (class of the mark, words) for an agreement, by Krippendorff's customary bounds."""
    alpha = ((found or {}).get("alpha") or {}).get("value")
    if alpha is None:
        return "care", "Unknown: no face has two answers"
    if alpha >= ALPHA_GOOD:
        return "good", "People agree"
    if alpha >= ALPHA_USABLE:
        return "care", "People agree tolerably"
    return "bad", "People disagree often"
