"""Data Docs that load nothing and run nothing.

Great Expectations' pages take style sheets, scripts and a picture with a time in its address
from seven servers (`findings/gx-data-docs-load-and-show-raw.sh`): whoever opens one tells
them so, and what they send runs beside the figures. Tables read well without all of that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from include.contracts.validation import ValidationResult
from include.pages.environment import page_template

INDEX = "index.html"
"""Entry of a site."""

MANIFEST_SUITE, SCHEMA_SUITE = "manifest", "manifest_schema"
"""Names: the rules of every manifest; the one of a table that is none."""

_HERE = Path(__file__).parent

_HEAD = """<head>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="referrer" content="no-referrer">
"""
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; }
body { margin: 24px auto; max-width: 1120px; padding: 0 24px; }
table { border-collapse: collapse; margin: 8px 0; }
td, th { border: 1px solid #dfe3e9; padding: 6px 10px; text-align: left; vertical-align: top; }
footer, .modal, .carousel, .btn, .btn-group, .ge-cta-footer { display: none !important; }
.cooltip .top { display: none; }
.fa-check-circle::before { content: "met"; color: #0b7a53; }
.fa-times::before { content: "not met"; color: #b3261e; }
</style>
"""
_FOREIGN = re.compile(
    r"<script\b.*?</script\s*>|<link\b[^>]*>|<img\b[^>]*>|<form\b.*?</form\s*>"
    r"|\son\w+=\"[^\"]*\"",
    re.IGNORECASE | re.DOTALL,
)
_MARKUP = str.maketrans(dict.fromkeys("<>&\"'`", "?"))


def without_markup(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with `?` for every sign in their texts that a page could take for markup.

    Great Expectations writes values into its pages as they are. No value that meets a rule has
    one of these signs, so none fails or passes for this.
    """
    changed = {
        name: rows[name].map(
            lambda value: value.translate(_MARKUP) if isinstance(value, str) else value
        )
        for name in rows.columns
        if rows[name].dtype == object or pd.api.types.is_string_dtype(rows[name])
    }
    return rows.assign(**changed)


def stand_alone(folder: Path) -> None:
    """Rewrite a site of Data Docs so that its pages ask for nothing and run nothing."""
    for page in folder.rglob("*.html"):
        text = _FOREIGN.sub("", page.read_text(encoding="utf-8"))
        text = text.replace("<head>", _HEAD, 1).replace("</head>", f"{_STYLE}</head>", 1)
        page.write_text(text, encoding="utf-8")


def render_index(results: Sequence[ValidationResult]) -> str:
    """Return the entry of a site: the library's own is a table that a script fills.

    Args:
        results: What is listed; one without a page is not.
    """
    listed = [result for result in results if result.docs_page]
    template = page_template(_HERE / "templates", "index.html.j2")
    return template.render(results=listed, suites=(MANIFEST_SUITE, SCHEMA_SUITE))
