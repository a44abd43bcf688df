"""What the pages about labels share: the house's style sheet, and how figures are written."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Template

from include.contracts.labels import EXPRESSIONS
from include.contracts.pages import page_environment
from include.statistics import words
from include.statistics.estimate import Estimate

_HERE = Path(__file__).parent
_HOUSE = _HERE.parent / "insights" / "templates"
"""The style sheet of the reports: every page of the house looks alike."""


@cache
def template(name: str) -> Template:
    """Return a template of this room; it knows `labels`, the seven expressions in order."""
    environment = page_environment(_HERE / "templates", _HOUSE)
    environment.globals["labels"] = EXPRESSIONS
    return environment.get_template(name)


def value_text(figure: Estimate | None, digits: int = 2) -> str:
    """Return `0.61 (0.52 to 0.70)`: a figure with its 95 % interval; a dash for none."""
    return words.number(figure, digits)


def share_text(figure: Estimate | None) -> str:
    """Return `61.3 % (52.0 to 70.1)`; a dash for none."""
    return words.share(figure)


def time_text(iso: str) -> str:
    """Return `2026-11-02 10:00 UTC` of an aware ISO 8601 time."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
