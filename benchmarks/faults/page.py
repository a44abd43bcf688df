"""`docs/faults.md` from what was measured."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.faults.kinds import FAULTS, NOTHING
from benchmarks.faults.rounds import RECOVERY_S
from benchmarks.faults.rows import ALONE, LOAD, RESULTS, Row, read_rows
from include.ledger.models import FINAL

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
_MIB = 1 << 20
_HOUR_S = 3600.0
_EDGE = 10
"""Samples at the beginning and at the end whose median stands for them."""

_HEAD = """# Faults on the running stack

Made by `python -m benchmarks.faults page` from `benchmarks/results`: what is done to the stack of
`docker-compose.yaml` while it works, and how long until everything that was in work at that moment
had its end. `make chaos ARGS=tests/chaos/test_production.py` tries each kind alone, in the middle
of a batch of six recordings; `make soak` one after the other while thousands of recordings are
worked on. What an operator sees of each, and what there is to do, is in
[the runbook](runbooks/production-stack.md); why the settings are what they are in
[decision 0030](decisions/0030-the-stack-runs.md).

After each fault it is checked, for every recording that was in work: it is published, quarantined
or visibly failed; a published one has exactly one result, the one that the ledger names, with
every file of its manifest; no other has any; no process of a worker is left that nobody waits for.
Where a fault was tried alone, every service is healthy again and every run over as well. Nobody
does anything by hand.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add where the figures are."""
    parser.add_argument("--alone", type=Path, default=RESULTS / "faults-alone.jsonl")
    parser.add_argument("--soak", type=Path, default=RESULTS / "soak.json")
    parser.add_argument(
        "--others",
        type=Path,
        nargs="*",
        default=sorted(RESULTS.glob("soak-*.json")),
        help="shorter runs under load, whose faults count with the others",
    )


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    soak = json.loads(options.soak.read_text())
    others = [json.loads(path.read_text()) for path in options.others]
    PAGE.write_text(page(read_rows(options.alone), soak, others))
    return 0


def page(alone: Sequence[Row], soak: dict[str, Any], others: Sequence[dict[str, Any]] = ()) -> str:
    """Return the page.

    Args:
        alone: Faults that were tried alone.
        soak: The run under load.
        others: Shorter ones.
    """
    under_load = _rows(soak)
    rows = [*alone, *under_load, *(row for other in others for row in _rows(other))]
    # What was cut short by the end of a run says nothing of what would have become of it.
    struck = [row for row in rows if row.fault != NOTHING.name and row.recovery_s is not None]
    parts = [_HEAD, "## Each kind\n", *_kinds(struck), "", _sum(struck), "", *_quiet(alone)]
    parts += ["", *_load(under_load, soak), *map(_shorter, others), "", *_memory(soak["samples"])]
    return "\n".join(parts) + "\n"


def _rows(soak: dict[str, Any]) -> list[Row]:
    return [Row(**{**row, "wrong": tuple(row["wrong"])}) for row in soak["rows"]]


def bound(count: int) -> float:
    """Return the one-sided 95 % bound of a share of which nothing was seen in `count`."""
    return float(1 - 0.05 ** (1 / count))


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line, per hour, of (seconds, value)."""
    x, y = zip(*points, strict=True)
    return float(statistics.linear_regression(x, y).slope) * _HOUR_S


def _kinds(rows: Sequence[Row]) -> list[str]:
    lines = [
        (
            "| fault | tried alone | recovery, median / longest | under load | recovery, median / "
            "longest | in work, median | violations | at most (95 %) |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for fault in FAULTS:
        found = [row for row in rows if row.fault == fault.name]
        if not found:
            continue
        cells = [fault.told.replace("{workers}", "a worker")]
        for where in (ALONE, LOAD):
            here = [row for row in found if row.where == where]
            cells += [str(len(here)), _times(here)]
        bad = sum(bool(row.wrong) for row in found)
        cells.append(f"{statistics.median(row.in_flight for row in found):.0f}")
        cells += [str(bad), "-" if bad else f"{bound(len(found)):.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _times(rows: Sequence[Row]) -> str:
    times = [row.recovery_s for row in rows if row.recovery_s is not None]
    return f"{statistics.median(times):.0f} / {max(times):.0f} s" if times else "-"


def _sum(rows: Sequence[Row]) -> str:
    bad = [row for row in rows if row.wrong]
    deferring = [row for row in rows if row.fault == "kill_triggerer" and row.deferred]
    words = f"In all {len(rows)} faults, {len(bad)} with a violation"
    words += "" if bad else f" (at most {bound(len(rows)):.1%} of all, one-sided 95 %)"
    words += (
        f". Of the triggerer's ends, {len(deferring)} came while a transform task was deferred to "
        "it (`FEX_TRANSFORM__DEFERRABLE=true`; as shipped the task waits in its worker). Faults of "
        "one run under load share recordings; the bounds take each as if it stood alone."
    )
    told = [f"- {row.fault}, {row.where}: {words}" for row in bad for words in row.wrong]
    return "\n".join([words, *told])


def _quiet(alone: Sequence[Row]) -> list[str]:
    plain = [row for row in alone if row.fault == NOTHING.name]
    struck = [row for row in alone if row.fault != NOTHING.name]
    times = [row.recovery_s for row in struck if row.recovery_s is not None]
    lines = []
    if plain:
        lines.append(f"Without a fault such a batch takes {_times(plain)} from the same moment.")
    if times:
        late = sum(seconds > RECOVERY_S for seconds in times)
        lines.append(
            f"Tried alone, {late} of {len(times)} faults took longer than five minutes to recover "
            "from."
        )
    return lines


def _load(rows: Sequence[Row], soak: dict[str, Any]) -> list[str]:
    minutes = soak["took_s"] / 60
    ended = sum(soak["counts"].get(name, 0) for name in ("published", "quarantined", "failed"))
    counts = ", ".join(f"{count} {state}" for state, count in sorted(soak["counts"].items()))
    wrong = soak["wrong_at_the_end"]
    return [
        "## Under load\n",
        f"`make soak`: {soak['recordings']} recordings of five seconds, dropped so that at most "
        f"{_most_open(soak['samples'])} had no end yet, "
        f"{soak['workers']} workers, a fault every {soak['fault_every_s']:g} s "
        f"({len(rows)} in all, the next whether or not the one before was over; "
        f"{sum(row.recovery_s is None for row in rows)} were not over when time was). After "
        f"{minutes:.0f} minutes: {counts}; {ended / minutes:.1f} recordings a minute. "
        + (
            "At the end nothing was wrong: "
            if not wrong
            else f"When time was over: {'; '.join(wrong)}. Asked was: "
        )
        + "every service healthy, no run open, no recording without an end, ledger and store "
        "agree on each, no process left over.\n",
        (
            "Under load a fault is over when the last of the recordings that batches held at that "
            "moment has its end, whatever struck meanwhile: batches of up to a hundred take "
            "minutes without a fault, and most of them met several. Where they come faster than a "
            "batch can end, its recordings use up their tries and fail, with a notice; somebody "
            "queues them again.\n"
        ),
    ]


def _shorter(run: dict[str, Any]) -> str:
    """Return the line of another run."""
    counts = ", ".join(f"{count} {state}" for state, count in sorted(run["counts"].items()))
    wrong = run["wrong_at_the_end"]
    return (
        f"- Another run: {run['recordings']} recordings, {run['workers']} workers, "
        f"{len(run['rows'])} faults, one every {run['fault_every_s']:g} s"
        + (", transform tasks deferred" if run["deferring"] else "")
        + f": {counts} within {run['took_s'] / 60:.0f} minutes; "
        + ("; ".join(wrong) if wrong else "nothing was wrong")
        + "."
    )


def _most_open(samples: Sequence[dict[str, Any]]) -> int:
    ends = {str(state) for state in FINAL}
    counts: list[dict[str, int]] = [sample["counts"] for sample in samples]
    return max(sum(n for state, n in found.items() if state not in ends) for found in counts)


def _memory(samples: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "## Memory under load\n",
        (
            "What the processes themselves hold (without cached files), in MiB: medians of the "
            f"first and the last {_EDGE} samples of {len(samples)}, one every 15 s, and the line "
            "through all of them. A service that a fault ended starts small again.\n"
        ),
        "| service | at the beginning | at the end | most | slope, MiB an hour |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in sorted({name for sample in samples for name in sample["anonymous_bytes"]}):
        points = [
            (float(sample["at_s"]), sample["anonymous_bytes"][name] / _MIB)
            for sample in samples
            if sample["anonymous_bytes"].get(name)
        ]
        values = [value for _, value in points]
        lines.append(
            f"| {name} | {statistics.median(values[:_EDGE]):.0f} | "
            f"{statistics.median(values[-_EDGE:]):.0f} | {max(values):.0f} | "
            f"{slope_per_hour(points):+.0f} |"
        )
    return lines
