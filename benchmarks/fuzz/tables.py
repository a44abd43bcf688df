"""Prints what came of a mutation run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks.fuzz.cases import Case
from benchmarks.fuzz.run import Tally
from benchmarks.fuzz.trial import Outcome

_SHOWN_FAULTS = 20


def print_tally(tally: Tally, console: Console) -> None:
    """Print outcomes by container and by damage, the refusals' codes, and every fault's case."""
    _print_by("container", lambda case: case.container, tally, console)
    _print_by("damage", lambda case: case.mutation, tally, console)
    for outcome in (Outcome.REFUSED, Outcome.READ):
        details = Counter(end.detail for _, end in tally.ended if end.outcome is outcome)
        if details:
            said = ", ".join(f"{name} {count}" for name, count in details.most_common())
            console.print(f"{outcome}: {said}")
    faults = [
        (case, end)
        for case, end in tally.ended
        if end.outcome not in (Outcome.READ, Outcome.REFUSED)
    ]
    by_outcome = Counter(end.outcome for _, end in faults)
    faults.sort(key=lambda fault: by_outcome[fault[1].outcome])
    for case, end in faults[:_SHOWN_FAULTS]:
        console.print(
            f"{end.outcome}: {case.container}/{case.number} ({case.mutation}): {end.detail}"
        )
    if len(faults) > _SHOWN_FAULTS:
        console.print(f"... and {len(faults) - _SHOWN_FAULTS} more")
    if tally.left_behind:
        console.print(f"left behind by the run: {tally.left_behind}")
    slowest = max((end.wall_s for _, end in tally.ended), default=0.0)
    seeds = sorted({case.seed for case, _ in tally.ended})
    console.print(
        f"{len(tally.ended)} files, seed {', '.join(map(str, seeds))}, {tally.wall_s:.0f} s; "
        f"slowest {slowest:.1f} s"
    )


def _print_by(title: str, group: Callable[[Case], str], tally: Tally, console: Console) -> None:
    counts = Counter((group(case), end.outcome) for case, end in tally.ended)
    table = Table()
    table.add_column(title, no_wrap=True)
    for heading in ("files", *Outcome):
        table.add_column(str(heading), justify="right")
    names = list(dict.fromkeys(group(case) for case, _ in sorted(tally.ended, key=_order)))
    for name in names:
        row = [counts[name, outcome] for outcome in Outcome]
        table.add_row(name, str(sum(row)), *map(str, row))
    totals = [tally.counts()[outcome] for outcome in Outcome]
    table.add_section()
    table.add_row("all", str(sum(totals)), *map(str, totals))
    console.print(table)


def _order(entry: tuple[Case, object]) -> tuple[int, str]:
    return entry[0].number, entry[0].container
