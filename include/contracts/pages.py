"""How pages for people are made of templates: every value escaped, nothing missing in silence."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page_environment(*folders: Path) -> Environment:
    """Return an environment that finds templates in `folders`, the first one first."""
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
