"""Where templates of pages become pages: every value escaped, nothing missing in silence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from include.contracts.labels import EXPRESSIONS
from include.pages import formats, tokens

HOUSE = Path(__file__).parent / "templates"
"""The page that others extend, its style sheet and its components."""


@cache
def page_template(folder: Path, name: str) -> Template:
    """Return a template of a room; it may extend `base.html.j2` and calls components as `ui`.

    Args:
        folder: The room's templates; they come before the house's.
        name: One of them.
    """
    return _environment(folder).get_template(name)


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, HOUSE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formats.FILTERS)
    environment.globals.update(labels=EXPRESSIONS, tokens=tokens)
    environment.globals["ui"] = environment.get_template("components.html.j2").module
    return environment
