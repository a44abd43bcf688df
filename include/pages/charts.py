"""Charts that Matplotlib draws: their style, and the way into a page whose colours they follow."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from include.pages import tokens

INK, DIM, LINE, ACCENT = (tokens.LIGHT[name] for name in ("ink", "dim", "line", "accent"))

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "page",
    "font.family": "sans-serif",
    "font.sans-serif": ["system-ui", "Segoe UI", "Roboto", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": DIM,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
}
"""For `matplotlib.rc_context`: text stays text, the same figures give the same bytes."""

_VARIABLES = {
    colour: f"var(--{name})"
    for name, colour in {**tokens.LIGHT, **tokens.EXPRESSIONS_LIGHT}.items()
}


def inline_chart(svg: str, says: str, *, wide: bool = False) -> Markup:
    """Return a chart as a part of a page: dark where the page is dark.

    Args:
        svg: As Matplotlib saves it, drawn in `STYLE` and in colours of `tokens`, the light ones.
        says: What it shows, for those who do not see it.
        wide: Its text stays readable on a phone; it then stands in a frame that scrolls.
    """
    head, body = svg[svg.index("<svg") :].split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    # Matplotlib's own style sheet would be one of the whole page.
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda found: _VARIABLES.get(found[0], found[0]), body)
    kind = "chart scaled wide" if wide else "chart scaled"
    lines = 'stroke-linejoin="round" stroke-linecap="butt"'
    return Markup(  # noqa: S704 drawn here; Matplotlib escapes what it writes
        f'{head} role="img" aria-label="{escape(says)}" class="{kind}" {lines}>{body}'
    )
