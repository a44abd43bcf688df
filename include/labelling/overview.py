"""The state of the labels as a page for people: queues, answers, agreement, bad files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from include.contracts.labels import EXPRESSIONS
from include.labelling.agreement import Agreement
from include.labelling.summary import LabelSummary
from include.labelling.tasks import TEXTS
from include.pages.environment import page_template
from include.pages.formats import count

ALPHA_GOOD, ALPHA_USABLE = 0.8, 0.667
"""Krippendorff 2004, "Reliability in Content Analysis", Human Communication Research 30:
conclusions rest on an alpha of 0.8 or more, tentative ones on 0.667."""
_TEMPLATES = Path(__file__).parent / "templates"


def render_overview(summary: LabelSummary) -> bytes:
    """Render `labels/summary.json` as one self-contained HTML file."""
    html = page_template(_TEMPLATES, "overview.html.j2").render(
        summary=summary,
        answers=_answers(summary.answers),
        verdict=alpha_verdict(summary.agreement),
        refused=[item for item in summary.files if item.reason],
    )
    return html.encode("utf-8", "replace")


def alpha_verdict(found: Agreement | None) -> tuple[str, str]:
    """Return (severity, words) for an agreement, by Krippendorff's customary bounds."""
    if found is None or not found.alpha.is_defined:
        return "care", "Unknown: no face has two answers"
    alpha = found.alpha.value
    if alpha >= ALPHA_GOOD:
        return "good", "People agree"
    if alpha >= ALPHA_USABLE:
        return "care", "People agree tolerably"
    return "bad", "People disagree often"


def _answers(given: Mapping[str, int]) -> list[tuple[str, float, str, tuple[str]]]:
    """Bars of the answers that were given, the most frequent first; its bar is the longest."""
    most = max(given.values(), default=0)
    return [
        (
            TEXTS[answer],
            given[answer] / most,
            f"e-{answer}" if answer in EXPRESSIONS else "before",
            (count(given[answer]),),
        )
        for answer in sorted(TEXTS, key=lambda answer: -given.get(answer, 0))
        if given.get(answer)
    ]
