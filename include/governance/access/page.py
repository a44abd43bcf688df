"""`python -m include.governance.access.page`: write the table of docs/access.md anew."""

from __future__ import annotations

import sys
from pathlib import Path

from include.governance.access.matrix import ACTS, Role

PAGE = Path(__file__).parents[3] / "docs" / "access.md"
BEGIN, END = "<!-- begin: made by `make access-page` -->\n", "<!-- end -->\n"


def table() -> str:
    """Return who may do what, Markdown."""
    head = "| may | " + " | ".join(Role) + " |\n|---|" + "---|" * len(Role) + "\n"
    rows = (
        f"| {act.what} | " + " | ".join("yes" if r in act.roles else "" for r in Role) + " |\n"
        for act in ACTS
    )
    return head + "".join(rows)


def page(text: str) -> str:
    """Return the page with its table as the matrix is.

    Raises:
        ValueError: The page has no place for the table.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the table: {BEGIN.strip()} ... {END}")
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> int:
    """Write it."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
