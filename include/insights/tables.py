"""The published tables: Parquet for analysts, CSV for spreadsheets, JSON for programs.

The same table gives the same bytes: nothing here reads a clock.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.columns import CSV_COLUMNS
from include.contracts.rows import PREDICTIONS

PARQUET = "predictions.parquet"
CSV = "emotion_predictions_with_timestamps.csv"
TIMELINE = "timeline.json"
SUMMARY = "summary.json"
FILES: tuple[tuple[str, str], ...] = (
    (CSV, "one line per sampled moment and face, for a spreadsheet"),
    (PARQUET, "the same with every measurement, for analysts"),
    (TIMELINE, "who displayed what when, for programs"),
    (SUMMARY, "the numbers of the report"),
)
"""Name, and what it is for."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""A spreadsheet may run a cell that begins with one of these."""


def write_parquet(table: pa.Table, path: Path, metadata: Mapping[str, str]) -> None:
    """Write predictions with what identifies them in the file's own metadata."""
    notes = {
        key.encode(): value.encode("utf-8", "replace") for key, value in sorted(metadata.items())
    }
    ordered = table.select(PREDICTIONS.names).cast(PREDICTIONS)
    pq.write_table(ordered.replace_schema_metadata(notes), path, compression="zstd")


def csv_bytes(table: pa.Table) -> bytes:
    """Write predictions for a spreadsheet (UTF-8, one line per row of the table).

    What each column means is said in `contracts/columns.py`. Times stay exactly the
    presentation timestamps of the file; measurements are rounded.
    """
    columns = [
        [_cell(value, exact=column.exact) for value in table[column.name].to_pylist()]
        for column in CSV_COLUMNS
    ]
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow([column.spreadsheet_name for column in CSV_COLUMNS])
    writer.writerows(zip(*columns, strict=True))
    return sink.getvalue().encode()


def _cell(value: object, *, exact: bool) -> object:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value) if exact else f"{value:.6g}"
    if isinstance(value, str):
        return safe_text(value)
    return value


def safe_text(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula: such a text gets a leading quote."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def timeline_bytes(table: pa.Table) -> bytes:
    """Write `[[time_s, [[face_id, emotion], ...]], ...]`, one entry per frame that was read.

    `time_s` is a presentation time; instants without a frame have none and are
    left to the tables. A face that could not be read has a null emotion; an
    instant without a face has an empty list.
    """
    entries: list[tuple[int, list[Any]]] = []
    rows = zip(
        table["instant"].to_pylist(),
        table["pts_s"].to_pylist(),
        table["face_id"].to_pylist(),
        table["emotion"].to_pylist(),
        strict=True,
    )
    for instant, pts_s, face_id, emotion in rows:
        if pts_s is None:
            continue
        if not entries or entries[-1][0] != instant:
            entries.append((instant, [pts_s, []]))
        if face_id is not None:
            entries[-1][1][1].append([face_id, emotion])
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for _, entry in entries)
    return f"[\n{lines}\n]\n".encode() if lines else b"[]\n"


def summary_bytes(summary: Mapping[str, Any]) -> bytes:
    """Write a summary as readable JSON, keys in the order they are given."""
    text = json.dumps(summary, ensure_ascii=False, indent=2, allow_nan=False)
    return f"{text}\n".encode("utf-8", "replace")
