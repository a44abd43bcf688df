"""The pages' HTML: every text is escaped, no name becomes an address, nothing runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from jinja2 import Environment

from include import insights
from include.contracts.labels import EXPRESSIONS
from include.contracts.pages import page_environment

Links = Sequence[tuple[str, str]]
"""(address, text)."""


def listing(
    title: str,
    links: Links,
    *,
    trail: Links = (),
    lead: str = "",
    nothing: str = "Nothing here.",
    status: int = 200,
) -> HTMLResponse:
    """Return a page of links.

    Args:
        title: Of the page.
        links: What it leads to.
        trail: The pages above it, the uppermost first.
        lead: A line under the title.
        nothing: What stands there without links.
        status: Of the answer.
    """
    return page(
        "list.html.j2", status, title=title, links=links, trail=trail, lead=lead, nothing=nothing
    )


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page made of a template of this folder."""
    return HTMLResponse(_environment().get_template(template).render(**values), status)


def below(folder: str, names: Iterable[str]) -> Links:
    """Return links to what lies under a page; `folder` is an address, names are any text."""
    return [(f"{folder}/{quote(name, safe='')}", name) for name in names]


@cache
def _environment() -> Environment:
    house = Path(insights.__path__[0]) / "templates"
    environment = page_environment(Path(__file__).parent / "templates", house)
    environment.globals["labels"] = EXPRESSIONS
    return environment
