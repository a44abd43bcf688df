"""Writes manifest.parquet row group by row group, from what the confined child reports."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow.json as pj
import pyarrow.parquet as pq

from include.contracts.rows import LANDMARKS, MANIFEST, row_id

ROWS_PER_GROUP = 4096

Row = dict[str, Any]


def instant_row(message: dict[str, Any], face: int) -> Row:
    """Return the columns of the instant a message reports, for its face number `face`."""
    instant = int(message["instant"])
    return {
        "row_id": row_id(instant, face),
        "instant": instant,
        "target_s": float(message["target_s"]),
        "pts_s": _number(message["pts_s"]),
        "scene": int(message["scene"]),
        "reason": None if message.get("reason") is None else str(message["reason"]),
    }


def face_columns(face: dict[str, Any]) -> Row:
    """Return the columns of one reported face."""
    x_px, y_px, width_px, height_px = face["box_px"]
    columns: Row = {
        "face_id": str(face["face_id"]),
        "box_x_px": _number(x_px),
        "box_y_px": _number(y_px),
        "box_width_px": _number(width_px),
        "box_height_px": _number(height_px),
        "reason": None if face["reason"] is None else str(face["reason"]),
    }
    measured = ("detector_score", "blur", "brightness", "yaw_deg", "roll_deg")
    for name in (*measured, "change", "scene_change"):
        columns[name] = _number(face[name])
    for name, (point_x_px, point_y_px) in zip(LANDMARKS, face["landmarks_px"], strict=True):
        columns[f"{name}_x_px"] = _number(point_x_px)
        columns[f"{name}_y_px"] = _number(point_y_px)
    return columns


def _number(value: float | None) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


class ManifestWriter:
    """Writes rows with the schema `MANIFEST`. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, MANIFEST, compression="zstd")
        self._rows: list[Row] = []

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: Row) -> None:
        """Append one row; columns that are not named are null."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        # Arrow's own readers build columns without importing pandas, which
        # `Table.from_pylist` does at a second of CPU time.
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in self._rows)
        table = pj.read_json(
            io.BytesIO(lines),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(lines)),
            parse_options=pj.ParseOptions(
                explicit_schema=MANIFEST, unexpected_field_behavior="error"
            ),
        )
        self._writer.write_table(table.cast(MANIFEST))
        self._rows = []
