"""The comparison as a table: CSV for spreadsheets, Markdown for reading."""

from __future__ import annotations

import csv
import io

from include.statistics import words
from include.statistics.estimate import Estimate
from ml.comparison.capstone import REPORTED, SOURCE
from ml.comparison.forecast import spoken
from ml.comparison.latency import BATCHES, Latency
from ml.comparison.report import Comparison
from ml.comparison.result import FIGURES, Result
from ml.models.zoo import ARCHITECTURES

NONE = "–"
"""What a cell holds that has no figure."""


def as_csv(comparison: Comparison) -> str:
    """Return one line per network, every number in a column of its own.

    Latencies are milliseconds per batch, times seconds; a cell without a figure is empty.
    """
    rows = [_plain(comparison, result) for result in comparison.results]
    sink = io.StringIO()
    if rows:
        writer = csv.DictWriter(sink, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return sink.getvalue()


def as_markdown(comparison: Comparison) -> str:
    """Return the title, what has to be known, and the table."""
    heads = headings(comparison)
    lines = [f"# {comparison.title}", "", *(f"- {text}" for text in comparison.sentences)]
    if comparison.waiting:
        lines.append(f"- Not done yet: {', '.join(comparison.waiting)}.")
    lines += ["", f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    lines += [f"| {' | '.join(cells(comparison, result))} |" for result in comparison.results]
    if comparison.beside_capstone:
        lines += ["", f"Capstone, on its own validation pictures: {SOURCE}."]
    return "\n".join(lines) + "\n"


def headings(comparison: Comparison) -> list[str]:
    """Return the column names of `cells`."""
    named = ["network", "parameters", "MFLOPs", "accuracy", "macro-F1", "log-loss", "training"]
    named += [f"ms at batch {batch}" for batch in BATCHES]
    if comparison.beside_capstone:
        named += ["capstone reported: accuracy", "capstone reported: log-loss"]
    return named


def cells(comparison: Comparison, result: Result) -> list[str]:
    """Return a network's row as people read it."""
    row = [
        ARCHITECTURES[result.architecture].title,
        f"{result.parameters:,}",
        f"{result.flops / 1e6:,.1f}",
        *(words.number(result.figure(name), 3) for name in FIGURES),
        spoken(result.training_s),
        *(_milliseconds(_latency(comparison, result, batch)) for batch in BATCHES),
    ]
    if comparison.beside_capstone:
        reported = REPORTED.get(result.architecture)
        row += [f"{reported.accuracy:.2f}", f"{reported.log_loss:.2f}"] if reported else [NONE] * 2
    return row


def _latency(comparison: Comparison, result: Result, batch: int) -> Latency | None:
    return comparison.latency.get(result.architecture, {}).get(batch)


def _milliseconds(latency: Latency | None) -> str:
    if latency is None:
        return NONE
    found = Estimate(latency.median_ms, latency.low_ms, latency.high_ms, latency.rounds)
    return words.number(found, 2)


def _plain(comparison: Comparison, result: Result) -> dict[str, str | int | float]:
    budget = comparison.budget
    row: dict[str, str | int | float] = {
        "task": comparison.task.name,
        "architecture": result.architecture,
        "epochs": budget.epochs,
        "side_px": budget.side_px,
        "train_pictures": comparison.counts.train,
        "test_pictures": comparison.counts.test,
        "parameters": result.parameters,
        "flops": result.flops,
        "training_s": result.training_s,
        "kept_epoch": result.epoch,
    }
    for name in FIGURES:
        figure = result.figure(name)
        row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    for batch in BATCHES:
        latency = _latency(comparison, result, batch)
        for part in ("median_ms", "low_ms", "high_ms"):
            value = round(getattr(latency, part), 3) if latency else ""
            row[f"latency_batch_{batch}_{part}"] = value
    if comparison.beside_capstone:
        reported = REPORTED.get(result.architecture)
        row["capstone_reported_parameters"] = reported.parameters if reported else ""
        row["capstone_reported_accuracy"] = reported.accuracy if reported else ""
        row["capstone_reported_log_loss"] = reported.log_loss if reported else ""
        row["capstone_source"] = SOURCE if reported else ""
    return row
