"""The state of the labels as a page for people: queues, answers, agreement, bad files."""

from __future__ import annotations

from include.labelling.agreement import Agreement
from include.labelling.html import template, time_text, value_text
from include.labelling.summary import LabelSummary
from include.labelling.tasks import TEXTS

ALPHA_GOOD, ALPHA_USABLE = 0.8, 0.667
"""Krippendorff 2004, "Reliability in Content Analysis", Human Communication Research 30:
conclusions rest on an alpha of 0.8 or more, tentative ones on 0.667."""


def render_overview(summary: LabelSummary) -> bytes:
    """Render `labels/summary.json` as one self-contained HTML file."""
    answers = [
        (answer, text, number)
        for answer, text in TEXTS.items()
        if (number := summary.answers.get(answer, 0))
    ]
    html = template("overview.html.j2").render(
        summary=summary,
        answers=sorted(answers, key=lambda item: -item[2]),
        verdict=alpha_verdict(summary.agreement),
        refused=[item for item in summary.files if item.reason],
        value=value_text,
        time=time_text,
    )
    return html.encode("utf-8", "replace")


def alpha_verdict(found: Agreement | None) -> tuple[str, str]:
    """Return (class of the mark, words) for an agreement, by Krippendorff's customary bounds."""
    if found is None or not found.alpha.is_defined:
        return "care", "Unknown: no face has two answers"
    alpha = found.alpha.value
    if alpha >= ALPHA_GOOD:
        return "good", "People agree"
    if alpha >= ALPHA_USABLE:
        return "care", "People agree tolerably"
    return "bad", "People disagree often"
