"""The page of recordings: tables are drawn and read back, and rows say what was read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.recordings import ffmpeg
from benchmarks.recordings.__main__ import NOT_WRITTEN, READ, matrix_cell, odd_row, refused_row
from benchmarks.recordings.browser import SESSIONS
from benchmarks.recordings.master import AS_RECORDED, READ_HZ, write_master
from benchmarks.recordings.odd import ODD as ODD_WAYS
from benchmarks.recordings.page import (
    BROWSER,
    MATRIX,
    ODD,
    PAGE,
    REFUSED,
    SECTIONS,
    Table,
    draw,
    parse,
)
from benchmarks.recordings.reading import read_recording
from tests.media.browser_recorder import FORMATS

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


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


@needs_ffmpeg
def test_rows_say_what_was_read(tmp_path: Path) -> None:
    master = write_master(tmp_path / "master.mkv")
    said: list[str] = []
    row = odd_row(master, "turned by 90 degrees", said.append)
    assert row == ["turned by 90 degrees", "MP4", "H.264, display matrix", "read"]
    assert odd_row(master, "sound alone", said.append)[3].startswith("refused (no_video_stream)")
    flash = refused_row(master, "Flash video", said.append)[1]
    assert flash.startswith("refused (unsupported_container): ")
    assert "a Flash video (FLV)" in flash
    assert len(said) == 3


@pytest.fixture(scope="module")
def page() -> dict[str, Table]:
    return parse(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_a_row_for_each_recorder(page: dict[str, Table]) -> None:
    assert tuple(page) == SECTIONS
    assert list(page[MATRIX].heading) == ["codec", *ffmpeg.READ_CONTAINERS]
    assert [row[0] for row in page[MATRIX].rows] == list(ffmpeg.CODECS)
    assert [row[0] for row in page[REFUSED].rows] == list(ffmpeg.REFUSED_CONTAINERS)
    odd = [[name, way.container, way.what] for name, way in ODD_WAYS.items()]
    assert [row[:3] for row in page[ODD].rows] == odd
    session, right, *formats = page[BROWSER].heading
    assert (session, right) == ("session", "right")
    assert set(formats) <= set(FORMATS)
    planned = [[name, f"`{line}`"] for name, (_, line) in SESSIONS.items()]
    assert [row[:2] for row in page[BROWSER].rows] == planned


def test_the_page_has_every_cell(page: dict[str, Table]) -> None:
    for section, table in page.items():
        for row in table.rows:
            assert len(row) == len(table.heading), (section, row)
            assert all(row), (section, row)


@pytest.mark.thorough
@needs_ffmpeg
def test_the_page_says_what_is_read_today(page: dict[str, Table], tmp_path: Path) -> None:
    master = write_master(tmp_path / "master.mkv")
    said: list[str] = []
    matrix = {row[0]: dict(zip(ffmpeg.READ_CONTAINERS, row[1:], strict=True)) for row in
              page[MATRIX].rows}  # fmt: skip
    for codec, container in (("H.264", "MP4"), ("MPEG-4 part 2", "AVI"), ("MPEG-2", "MPEG-TS")):
        assert matrix[codec][container] == READ
        assert matrix_cell(master, codec, container, said.append) == READ
    assert matrix["H.264"]["WebM"] == NOT_WRITTEN
    assert matrix_cell(master, "H.264", "WebM", said.append) == NOT_WRITTEN
    refused = [list(row) for row in page[REFUSED].rows]
    for container in ("Flash video", "Ogg", "sound (MP3)"):
        assert refused_row(master, container, said.append) in refused
    odd = [list(row) for row in page[ODD].rows]
    for name in ("sound alone", "title in Latin-1", "mirrored left to right"):
        assert odd_row(master, name, said.append) in odd
