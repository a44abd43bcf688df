"""Writes manifest.parquet row group by row group, from what the confined child reports.

Whose a face is, is known when the recording has ended: until then rows lie in a
file without a name, with the number of the face's tracklet.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from include.contracts.columns import LANDMARKS
from include.contracts.rows import MANIFEST, UNKNOWN_FACE, row_id

ROWS_PER_GROUP = 4096

Row = dict[str, Any]


def face_id(person: int) -> str:
    """Return the id of a person, 1, 2, ...; "unknown" for 0."""
    return f"f{person}" if person else UNKNOWN_FACE


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
        "tracklet": int(face["tracklet"]),
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
    """Writes rows with the schema `MANIFEST`. Use as a context manager.

    Args:
        path: Written by `write`; nothing is left beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spool = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 closed in __exit__

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spool.close()

    def add(self, row: Row) -> None:
        """Append one row; columns that are not named are null. `tracklet` stands for the face."""
        tracklet = row.pop("tracklet", "")
        self._spool.write(f"{tracklet}\t{json.dumps(row)}\n".encode())

    def write(self, people: Sequence[int]) -> None:
        """Write the file.

        Args:
            people: The person of each tracklet, 1, 2, ...; 0 where it cannot be told.

        Raises:
            IndexError: A row's tracklet is not among them.
        """
        self._spool.seek(0)
        with pq.ParquetWriter(self._path, MANIFEST, compression="zstd") as writer:
            while spooled := list(itertools.islice(self._spool, ROWS_PER_GROUP)):
                writer.write_table(_table(b"".join(_named(line, people) for line in spooled)))


def _named(spooled: bytes, people: Sequence[int]) -> bytes:
    """Return the row as a line of JSON, with the person's id for the tracklet's number."""
    tracklet, _, line = spooled.partition(b"\t")
    if not tracklet:
        return line
    # Arrow's `take` would do, and import pandas.
    return b'{"face_id": "%s", %s' % (face_id(people[int(tracklet)]).encode(), line[1:])


def _table(lines: bytes) -> pa.Table:
    # Arrow's own readers build columns without importing pandas, which
    # `Table.from_pylist` does at a second of CPU time.
    table = pj.read_json(
        io.BytesIO(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines)),
        parse_options=pj.ParseOptions(explicit_schema=MANIFEST, unexpected_field_behavior="error"),
    )
    return table.cast(MANIFEST)
