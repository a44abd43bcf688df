"""The figures of many recordings, with their intervals, as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from benchmarks.identity.scoring import Counted, Score
from include.statistics import counts, words
from include.statistics.independent import scaled

GOOD = "good"
Figure = Callable[[Sequence[Score]], Counted]


def _sum(counts: Sequence[Counted]) -> Counted:
    return sum(counts, Counted(0, 0))


FIGURES: dict[str, Figure] = {
    "merged\nrecordings": lambda scores: _sum([Counted(s.merged, 1) for s in scores]),
    "merged\npairs of people": lambda scores: _sum([s.person_pairs for s in scores]),
    "split\nrecordings": lambda scores: _sum([Counted(s.split, 1) for s in scores]),
    "split\npeople": lambda scores: _sum([s.people for s in scores]),
    "split pairs of\nappearances": lambda scores: _sum([s.returns for s in scores]),
    "unknown\nrows": lambda scores: _sum([s.unknown for s in scores]),
    "respondent\nright": lambda scores: _sum(
        [Counted(s.respondent, 1) for s in scores if s.respondent is not None]
    ),
    "wrong, and\nsaid good": lambda scores: _sum(
        [
            Counted(s.respondent is False and s.verdict == GOOD, 1)
            for s in scores
            if s.respondent is not None
        ]
    ),
    "respondent\nfound": lambda scores: _sum([s.found for s in scores]),
}
"""Columns of the table."""


def table_of(title: str, scores: Sequence[Score]) -> Table:
    """Return a line for each kind of case and one for all of them."""
    table = Table(title=title)
    for name in ("case", "n", *FIGURES):
        table.add_column(name, justify="left" if name == "case" else "right")
    categories = list(dict.fromkeys(item.category for item in scores))
    for category in categories:
        table.add_row(*_line(category, [item for item in scores if item.category == category]))
    table.add_section()
    table.add_row(*_line("all", scores, with_interval=True))
    return table


def document_of(scores: Sequence[Score]) -> dict[str, Any]:
    """Return the same as plain data, with the single recordings."""
    return {
        "figures": {
            name.replace("\n", " "): {
                "hits": count.hits,
                "n": count.n,
                "interval": (found.low, found.high),
            }
            for name, figure in FIGURES.items()
            if (count := figure(scores)).n and (found := counts.share(count.hits, count.n))
        },
        "recordings": [asdict(item) for item in scores],
    }


def _line(name: str, scores: Sequence[Score], *, with_interval: bool = False) -> list[str]:
    return [
        name,
        str(len(scores)),
        *(_cell(figure(scores), with_interval=with_interval) for figure in FIGURES.values()),
    ]


def _cell(count: Counted, *, with_interval: bool) -> str:
    if not count.n:
        return "-"
    text = f"{100 * count.hits / count.n:.1f} % ({count.hits}/{count.n})"
    if with_interval:
        text += "\n" + words.span(scaled(counts.share(count.hits, count.n), 100), 1)
    return text
