"""The pages' HTML: every text is escaped, no name becomes an address, nothing runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse

from include.pages.environment import page_template

Links = Sequence[tuple[str, str]]
"""(address, text)."""
_TEMPLATES = Path(__file__).parent / "templates"


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
    return HTMLResponse(page_template(_TEMPLATES, template).render(**values), status)


def below(folder: str, names: Iterable[str]) -> Links:
    """Return links to what lies under a page; `folder` is an address, names are any text."""
    return [(f"{folder}/{quote(name, safe='')}", name) for name in names]
