"""The manifest as the suite sees it: its columns, columns that carry rules across rows, counts.

Great Expectations judges values column by column. A rule that spans rows or
columns (one time per instant, a crop exactly where there is no reason) is
computed here into a column that is easy to judge and easy to read in Data Docs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.columns import LANDMARKS
from include.contracts.reasons import RowReason
from include.contracts.rows import MANIFEST, UNKNOWN_FACE, with_later_columns

SCHEMA_DIFFERENCE = "schema_difference"
"""The one column of the frame of a manifest whose schema is wrong."""

SOLITARY_REASONS = (
    RowReason.GAP,
    RowReason.UNREADABLE_FRAME,
    RowReason.CLOCK_SEAM,
    RowReason.NO_FACE,
)
"""Reasons about a whole instant: such a row is alone in its instant."""

MEASURED_COLUMNS: tuple[str, ...] = (
    "pts_s",
    "face_id",
    "box_x_px",
    "box_y_px",
    "box_width_px",
    "box_height_px",
    "detector_score",
    *(f"{name}_{axis}_px" for name in LANDMARKS for axis in "xy"),
    "blur",
    "brightness",
    "yaw_deg",
    "roll_deg",
)
"""Columns that a usable face cannot lack."""


@dataclass(frozen=True, slots=True)
class ManifestFrame:
    """What the suite judges.

    Attributes:
        rows: The manifest's columns, then the rule columns (`rule_*`); or, when
            the schema is wrong, one column that names the differences.
        schema_differences: Sentences, empty when columns and types are right.
        statistics: Counts and ranges for people; JSON-able.
    """

    rows: pd.DataFrame
    schema_differences: list[str]
    statistics: dict[str, Any]


def read_manifest(path: Path) -> pa.Table:
    """Read a manifest file whole (a two-hour recording is a few MB).

    Raises:
        OSError, pa.ArrowException: The file is missing or no Parquet file.
    """
    # ParquetFile, not read_table: a path with "key=value" in it must not become a partition.
    with pq.ParquetFile(path) as file:
        return with_later_columns(file.read(), MANIFEST)


def prepare(table: pa.Table, instants_expected: int) -> ManifestFrame:
    """Add the rule columns and count.

    When the schema differs, the frame holds the differences and nothing else:
    other rules would judge columns that are not what their names say.
    """
    differences = schema_differences(table.schema)
    if not differences:
        differences = [
            f"column {field.name} has {table[field.name].null_count} empty values"
            for field in MANIFEST
            if not field.nullable and table[field.name].null_count
        ]
    if differences:
        rows = pd.DataFrame({SCHEMA_DIFFERENCE: differences})
        return ManifestFrame(rows, differences, {"rows": table.num_rows})
    rows = table.to_pandas()
    by_instant = rows.groupby("instant", sort=False)
    first = ~rows.duplicated("instant")
    usable = rows["reason"].isna()
    # Null except on an instant's first row: the suite then counts instants, not faces.
    rows["rule_instant_target_s"] = rows["target_s"].where(first)
    rows["rule_instant_usable"] = (
        usable.groupby(rows["instant"]).transform("any").astype("float64").where(first)
    )
    rows["rule_lead_s"] = rows["pts_s"] - rows["target_s"]
    rows["rule_instant_is_one_moment"] = _is_one_moment(rows, by_instant)
    rows["rule_crop_iff_usable"] = rows["shard"].notna() == usable
    rows["rule_values_missing"] = (
        rows[list(MEASURED_COLUMNS)].isna().sum(axis=1).where(usable, 0).astype("int64")
    )
    return ManifestFrame(rows, [], _statistics(rows, usable, instants_expected))


def schema_differences(schema: pa.Schema) -> list[str]:
    """Say how a schema differs from `MANIFEST` in names, order or types."""
    expected_names = MANIFEST.names
    found = []
    if missing := [name for name in expected_names if name not in schema.names]:
        found.append(f"columns are missing: {', '.join(missing)}")
    if extra := [name for name in schema.names if name not in expected_names]:
        found.append(f"columns are unknown: {', '.join(repr(name) for name in extra)}")
    if not found and schema.names != expected_names:
        found.append("columns are not in the agreed order")
    for field in MANIFEST:
        if schema.names.count(field.name) == 1:
            observed = schema.field(field.name).type
            if observed != field.type:
                found.append(f"column {field.name} has type {observed}, expected {field.type}")
    return found


def _is_one_moment(rows: pd.DataFrame, by_instant: Any) -> pd.Series:
    """Whether a row fits its instant: same times and scene, a face once, alone if faceless."""
    same: pd.Series = pd.Series(True, index=rows.index)
    for column in ("target_s", "pts_s", "scene"):
        same &= rows[column].fillna(-1.0) == by_instant[column].transform("first").fillna(-1.0)
    solitary = rows["reason"].isin([reason.value for reason in SOLITARY_REASONS])
    alone = by_instant["row_id"].transform("size") == 1
    known = rows["face_id"].notna() & (rows["face_id"] != UNKNOWN_FACE)
    twice = known & rows.duplicated(["instant", "face_id"])
    fits: pd.Series = same & (alone | ~solitary) & ~twice
    return fits


def _statistics(rows: pd.DataFrame, usable: pd.Series, instants_expected: int) -> dict[str, Any]:
    instants = int(rows["instant"].nunique())
    instants_usable = int(rows["rule_instant_usable"].sum())
    faces = rows.loc[usable, "face_id"]
    box = rows.loc[usable, ["box_width_px", "box_height_px"]].min(axis=1)
    return {
        "rows": len(rows),
        "instants_expected": instants_expected,
        "instants_present": instants,
        "instants_usable": instants_usable,
        "usable_share": instants_usable / instants if instants else 0.0,
        "coverage": instants / instants_expected if instants_expected else 1.0,
        "faces": int(faces[faces != UNKNOWN_FACE].nunique()),
        "rows_by_reason": {
            str(reason): int(count)
            for reason, count in sorted(rows["reason"].value_counts().items())
        },
        "first_pts_s": _number(rows["pts_s"].min()),
        "last_pts_s": _number(rows["pts_s"].max()),
        "median_face_px": _number(box.median()),
        "median_brightness": _number(rows.loc[usable, "brightness"].median()),
        "median_blur": _number(rows.loc[usable, "blur"].median()),
        "median_detector_score": _number(rows.loc[usable, "detector_score"].median()),
    }


def _number(value: Any) -> float | None:
    number = float(value)
    return round(number, 4) if math.isfinite(number) else None
