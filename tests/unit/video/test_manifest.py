"""Rows wait without a name until the recording has ended."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from include.contracts.rows import MANIFEST
from include.video import manifest
from include.video.manifest import ManifestWriter


def _row(instant: int, tracklet: int | None) -> dict[str, object]:
    named = {} if tracklet is None else {"tracklet": tracklet}
    return {"row_id": f"{instant:07d}-00", "instant": instant, "target_s": 0.5, "scene": 0} | named


def test_rows_bear_the_name_of_their_tracklets_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "ROWS_PER_GROUP", 2)
    path = tmp_path / "manifest.parquet"
    with ManifestWriter(path) as writer:
        for instant, tracklet in enumerate([0, 1, None, 2, 0]):
            writer.add(_row(instant, tracklet))
        writer.write([1, 0, 12])
    table = pq.read_table(path)
    assert table.schema.equals(MANIFEST)
    assert table["face_id"].to_pylist() == ["f1", "unknown", None, "f12", "f1"]
    assert table["instant"].to_pylist() == [0, 1, 2, 3, 4]
    assert pq.ParquetFile(path).num_row_groups == 3
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.parquet"]


def test_a_tracklet_that_nobody_was_named_for_is_refused(tmp_path: Path) -> None:
    with ManifestWriter(tmp_path / "manifest.parquet") as writer:
        writer.add(_row(0, 3))
        with pytest.raises(IndexError):
            writer.write([1])
