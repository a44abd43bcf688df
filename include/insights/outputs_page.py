"""`python -m include.insights.outputs_page`: write `docs/outputs.md` from the columns."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from include.contracts.columns import COLUMNS, CSV_COLUMNS, TABLES_VERSION, Column
from include.insights import tables
from include.insights.report import REPORT
from include.insights.summary import REASON_MEANINGS, SUMMARY_VERSION, WORDING

PAGE = Path(__file__).parents[2] / "docs" / "outputs.md"

_HEAD = f"""# What is published

{WORDING} Every recording gets a folder with these files; the same recording, model and settings
give the same bytes. This page is made by `make outputs-page`.
"""

_TABLES = f"""## The tables

Version {TABLES_VERSION}. One row per sampled moment and face, or one row that says why there is
none: no moment is left out. `{tables.PARQUET}` has the columns in this order, `{tables.CSV}`
those with a name in the second column, in the order below. Times are written as they are,
measurements with six significant digits. A text that a spreadsheet would take for a formula gets
a leading quote there. Files of an earlier version lack the columns that came later.
"""

_TIMELINE = f"""## `{tables.TIMELINE}`

`[[time_s, [[face_id, emotion], ...]], ...]`: one entry per frame that was read, `time_s` its
presentation time. A face without an expression has `null`, a frame without a face an empty list.
Moments without a frame are in the tables only.

## `{tables.SUMMARY}`

Version {SUMMARY_VERSION}. The numbers of the report: quality verdict with its reasons, whom the
recording is about, shares of time per displayed expression, stretches of one expression. Shares
go from 0 to 1 and are `null` where nothing can be said; times named `pts_s` are the recording's
own, the others count from `clock_starts_at_s`.
"""


def page() -> str:
    """Return the page as Markdown."""
    files = [*tables.FILES, (REPORT, "the page for people, without anything from elsewhere")]
    parts = [
        _HEAD,
        _table(("file", "what it is for"), ((f"`{name}`", text) for name, text in files)),
        _TABLES,
        _table(
            ("column", "in the spreadsheet", "meaning", "unit", "values", "empty where", "since"),
            (_row(column) for column in COLUMNS if column.published),
        ),
        f"Order in the spreadsheet: {', '.join(f'`{c.spreadsheet_name}`' for c in CSV_COLUMNS)}.\n",
        "## Reasons\n",
        _table(
            ("`reason`", "what it means"),
            ((f"`{reason}`", text) for reason, text in REASON_MEANINGS.items()),
        ),
        _TIMELINE,
    ]
    return "\n".join(parts)


def _row(column: Column) -> tuple[str, ...]:
    return (
        f"`{column.name}`",
        f"`{column.spreadsheet_name}`" if column.csv is not None else "",
        column.meaning,
        column.unit,
        column.values,
        column.null or "never",
        str(column.since),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)]
    return "\n".join([*lines, ""])


def main() -> int:
    """Write the page; returns the exit status."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
