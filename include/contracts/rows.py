"""Schemas of the two tables that travel between stages.

`MANIFEST` is what extraction writes: one row per sampled instant and face, or
one row per instant with a reason when there is no usable face. `PREDICTIONS`
is what publishing writes: the same rows with the expression joined on.
"""

from __future__ import annotations

import pyarrow as pa

from include.contracts.columns import COLUMNS, LATER_COLUMNS

UNKNOWN_FACE = "unknown"
"""The `face_id` of a face of which it cannot be told whose it is."""

MANIFEST = pa.schema([column.field for column in COLUMNS if column.manifest])
PREDICTIONS = pa.schema([column.field for column in COLUMNS if column.published])


def with_later_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of `schema` that its writer did not know yet, as nulls.

    Other columns and the order of those there are stay as they are.
    """
    for index, field in enumerate(schema):
        if field.name in LATER_COLUMNS and field.name not in table.schema.names:
            place = min(index, table.num_columns)
            table = table.add_column(place, field, pa.nulls(table.num_rows, field.type))
    return table


def row_id(instant: int, face: int) -> str:
    """Return the id of face number `face` (0-based, 0 when there is none) at `instant`."""
    return f"{instant:07d}-{face:02d}"
