"""Text that people chose, inside Markdown that others read in Airflow.

Airflow's forms show Markdown without HTML, but they load its pictures from anywhere and make
links of its links: a name must be neither.
"""

from __future__ import annotations

import re

_SIGNS = re.compile(r"[\\`*_\[\]<>!|~&#]")


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line.

    Every sign that could begin markup gets a backslash (CommonMark 0.31, 2.4).
    """
    return _SIGNS.sub(r"\\\g<0>", " ".join(text.split()))


def code(text: str) -> str:
    """Return text as a code span, on one line; in one a backslash escapes nothing."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"
