"""Tables that an earlier version wrote, read by this one."""

from __future__ import annotations

import pyarrow as pa

from include.contracts.columns import COLUMNS, CSV_COLUMNS, LATER_COLUMNS, TABLES_VERSION
from include.contracts.rows import MANIFEST, PREDICTIONS, with_later_columns
from include.insights.outputs_page import PAGE, page


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


def test_the_page_is_what_the_columns_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make outputs-page"


def test_each_column_is_described_once() -> None:
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert all(column.meaning.endswith(".") and column.since >= 1 for column in COLUMNS)
    assert max(column.since for column in COLUMNS) <= TABLES_VERSION


def test_a_spreadsheet_has_every_published_column_that_does_not_say_no() -> None:
    first = [column.spreadsheet_name for column in CSV_COLUMNS[:4]]
    assert first == ["frame", "timestamp", "emotion", "face_id"]
    left_out = {c.name for c in COLUMNS if c.published} - {c.name for c in CSV_COLUMNS}
    assert left_out == {c.name for c in COLUMNS if c.published and c.csv is None}
