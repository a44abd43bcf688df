"""The comparison as one self-contained page: table, picture, the capstone's table beside.

It loads nothing and runs nothing; its own content policy forbids both.
"""

from __future__ import annotations

from pathlib import Path

from include.pages.charts import inline_chart
from include.pages.environment import page_template
from include.pages.formats import count
from include.statistics.words import plain
from ml.comparison import capstone
from ml.comparison.forecast import spoken
from ml.comparison.latency import BATCHES
from ml.comparison.picture import as_svg, describe
from ml.comparison.report import Comparison
from ml.comparison.result import FIGURES
from ml.comparison.table import NONE
from ml.models.zoo import ARCHITECTURES

_TEMPLATES = Path(__file__).parent / "templates"


def as_html(comparison: Comparison) -> str:
    """Return the page."""
    svg = as_svg(comparison)
    return page_template(_TEMPLATES, "page.html.j2").render(
        comparison=comparison,
        architectures=ARCHITECTURES,
        figures=FIGURES,
        batches=BATCHES,
        best=_best(comparison),
        picture=inline_chart(svg, describe(comparison), wide=True) if svg else "",
        reported=capstone.REPORTED,
        capstone_rows=[
            (
                row.model,
                ARCHITECTURES[name].title,
                count(row.parameters),
                plain(row.accuracy, 2),
                plain(row.log_loss, 2),
                "published weights" if row.pretrained else "random weights",
            )
            for name, row in capstone.REPORTED.items()
        ],
        source=capstone.SOURCE,
        spoken=spoken,
        blank=NONE,
    )


def _best(comparison: Comparison) -> dict[str, str]:
    """Return the network with the best point value of each figure."""
    if not comparison.results:
        return {}
    found = {}
    for name in FIGURES:
        pick = min if name == "log_loss" else max
        ranked = pick(comparison.results, key=lambda result: result.figure(name).value)
        found[name] = ranked.architecture
    return found
