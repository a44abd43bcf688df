"""The demo's closing table: what became of each recording and where its results are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.contracts.documents import DocumentError
from include.contracts.quarantine import QUARANTINE_REASON
from include.contracts.summary import RECORDING_SUMMARY, ExpressionShown, RecordingSummary
from include.ledger.models import Recording, State
from include.platform.console import print_addresses
from include.platform.supervisor import Platform

_TOP = 3
_FILES = ("report.html", "emotion_predictions_with_timestamps.csv", "predictions.parquet")
_PATHS_SHOWN = 5
_STYLES = {State.PUBLISHED: "green", State.QUARANTINED: "yellow", State.FAILED: "red"}


def show_results(
    console: Console, platform: Platform, rows: Sequence[Recording], lake: Path
) -> None:
    """Print the table, the reasons, the paths and the addresses."""
    console.print(results_table(rows, lake))
    for row in rows:
        if row.state is not State.PUBLISHED:
            console.print(explanation(row, lake), markup=False, highlight=False)
    published = [folder for row in rows if (folder := result_folder(row, lake))]
    for folder in published[:_PATHS_SHOWN]:
        for name in _FILES:
            if (folder / name).exists():
                console.print(f"  {folder / name}", highlight=False, markup=False)
    if len(published) > _PATHS_SHOWN:
        console.print(f"  ... and {len(published) - _PATHS_SHOWN} more under {lake / 'published'}")
    print_addresses(platform, console)


def results_table(rows: Sequence[Recording], lake: Path) -> Table:
    """Return one line for each recording."""
    table = Table(
        "recording", "outcome", "instants", "faces", "displayed expressions (respondent)", "quality"
    )
    for row in rows:
        outcome = f"[{_STYLES.get(row.state, 'red')}]{row.state}[/]"
        table.add_row(_plain(row.recording), outcome, *_cells(read_summary(row, lake)))
    return table


def result_folder(row: Recording, lake: Path) -> Path | None:
    """Return where a published recording's results are."""
    if row.state is not State.PUBLISHED or row.result_key is None:
        return None
    return lake / row.result_key


def read_summary(row: Recording, lake: Path) -> RecordingSummary | None:
    """Return the published summary, None where there is none."""
    folder = result_folder(row, lake)
    if folder is None:
        return None
    try:
        return RECORDING_SUMMARY.read((folder / "summary.json").read_bytes(), "summary.json")
    except (OSError, DocumentError):
        return None


def explanation(row: Recording, lake: Path) -> str:
    """Say why a recording was not published and what to do."""
    name = f"{row.recording!r}: {row.state}"
    if row.state is State.QUARANTINED and row.result_key:
        with suppress(OSError, DocumentError):
            content = (lake / row.result_key).read_bytes()
            reason = QUARANTINE_REASON.read(content, row.result_key)
            return f"{name}: {reason.sentence}\n    What to do: {reason.what_to_do}"
    return f"{name}: {row.reason or 'no end was reached; see the task logs in Airflow'}"


def _cells(summary: RecordingSummary | None) -> tuple[str, str, str, str]:
    if summary is None:
        return "-", "-", "-", "-"
    instants = summary.instants
    return (
        f"{instants.sampled} ({instants.readable_share:.0%} readable)",
        str(len(summary.faces)),
        _top_expressions(summary),
        summary.quality.verdict,
    )


def _top_expressions(summary: RecordingSummary) -> str:
    """The most frequent expressions of the respondent; of several, each with its name."""
    respondents = summary.respondents
    told = [_top(item.expressions) for item in respondents]
    if len(respondents) > 1:
        told = [f"{item.respondent}: {top}" for item, top in zip(respondents, told, strict=True)]
    return "; ".join(told) or "none readable"


def _top(expressions: Sequence[ExpressionShown]) -> str:
    shares = sorted(
        ((item.share, item.expression) for item in expressions if item.share),
        key=lambda item: -item[0],
    )
    return ", ".join(f"{name} {share:.0%}" for share, name in shares[:_TOP]) or ("none readable")


def _plain(name: str) -> str:
    """Return a name that people chose, safe to print in a table."""
    printable = "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name
    )
    return printable.replace("[", "\\[")
