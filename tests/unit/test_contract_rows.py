"""Tables that an earlier version wrote, read by this one."""

from __future__ import annotations

import pyarrow as pa

from include.contracts.rows import LATER_COLUMNS, MANIFEST, PREDICTIONS, with_later_columns


def test_an_earlier_table_gets_the_later_columns_as_nulls() -> None:
    for schema in (MANIFEST, PREDICTIONS):
        whole = pa.Table.from_pylist(
            [{"row_id": "0000000-00", "instant": 0, "target_s": 0.0, "scene": 0}], schema=schema
        )
        earlier = whole.drop_columns([name for name in schema.names if name in LATER_COLUMNS])
        assert earlier.num_columns < whole.num_columns
        assert with_later_columns(earlier, schema).equals(whole)
        assert with_later_columns(whole, schema) is whole


def test_what_is_there_is_left_as_it_is() -> None:
    columns = ["target_s", "row_id", "strange"]
    odd = pa.table({name: pa.array([1.0]) for name in columns})
    found = with_later_columns(odd, MANIFEST)
    assert [name for name in found.column_names if name not in LATER_COLUMNS] == columns
