"""The comparison as one self-contained page: table, picture, the capstone's table beside.

It loads nothing and runs nothing; its own content policy forbids both.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from include.contracts.pages import page_environment
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
    template = page_environment(_TEMPLATES).get_template("page.html.j2")
    return template.render(
        comparison=comparison,
        architectures=ARCHITECTURES,
        figures=FIGURES,
        batches=BATCHES,
        best=_best(comparison),
        # Drawn here from numbers and the zoo's own names: no outside text is in it.
        picture=Markup(svg[svg.index("<svg") :]) if svg else None,  # noqa: S704
        picture_words=describe(comparison) if svg else "",
        reported=capstone.REPORTED,
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
