"""The page of recordings: tables are drawn and read back, and rows say what was read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.recordings.__main__ import odd_row, refused_row
from benchmarks.recordings.master import AS_RECORDED, READ_HZ, write_master
from benchmarks.recordings.page import SECTIONS, Table, draw, parse
from benchmarks.recordings.reading import read_recording


def test_tables_are_read_back_as_they_were_drawn() -> None:
    tables = {
        section: Table(("what", "read"), [["a|b", "as recorded"], [section, ""]])
        for section in SECTIONS
    }
    found = parse(draw("by hand", AS_RECORDED, tables))
    assert tuple(found) == SECTIONS
    for section, table in found.items():
        assert table.heading == ["what", "read"]
        assert table.rows == [["a/b", "as recorded"], [section, "–"]]


def test_the_master_is_read_as_it_was_made(tmp_path: Path) -> None:
    master = write_master(tmp_path / "master.mkv")
    assert read_recording(master, rate_hz=READ_HZ).line == AS_RECORDED


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_rows_say_what_was_read(tmp_path: Path) -> None:
    master = write_master(tmp_path / "master.mkv")
    said: list[str] = []
    row = odd_row(master, "turned by 90 degrees", said.append)
    assert row == ["turned by 90 degrees", "MP4", "H.264, display matrix", "as recorded"]
    assert odd_row(master, "sound alone", said.append)[3].startswith("refused (no_video_stream)")
    flash = refused_row(master, "Flash video", said.append)[1]
    assert flash.startswith("refused (unsupported_container): ")
    assert "a Flash video (FLV)" in flash
    assert len(said) == 3
