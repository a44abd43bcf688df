"""A page with every component of the design system on it."""

from __future__ import annotations

from pathlib import Path

from include.contracts.labels import EXPRESSIONS
from include.pages.environment import page_template
from include.statistics.estimate import Estimate

TEMPLATE = Path(__file__).parent / "gallery.html.j2"


def gallery() -> str:
    """Return its HTML."""
    cells = [(f"{10 * step}", "%", step / 10) for step in (0, 2, 4, 5, 6, 8, 10)]
    return page_template(TEMPLATE.parent, TEMPLATE.name).render(
        figure=Estimate(0.61, 0.52, 0.7, 30),
        rows=[(label, cells if number else [], 100) for number, label in enumerate(EXPRESSIONS)],
        bar_rows=[(label, 0.5, f"e-{label}", ("50 %",)) for label in EXPRESSIONS],
    )
