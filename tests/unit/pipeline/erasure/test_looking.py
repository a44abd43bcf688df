"""What is looked for is seen in every form and every kind of file, and others' names are not."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import sqlite3
import tarfile
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.identity import slug
from include.pipeline.erasure.scan.contents import Look, OpaqueError, seen_in_file
from include.pipeline.erasure.scan.wanted import BYTES, ID, NAME, Name, Wanted

WHO = "Jörg Ä & Co 1.mp4"
IDENTITY = hashlib.sha256(b"an extraction").hexdigest()[:32]
VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 20
WANTED = Wanted(
    [Name(WHO, ("Spot",))],
    [IDENTITY],
    {len(VIDEO): frozenset({hashlib.sha256(VIDEO).hexdigest()})},
)


def _seen(
    content: bytes, *, chunk: int = 1 << 16, ours: bool = True, known: bool = True
) -> str | None:
    chunks = (content[at : at + chunk] for at in range(0, len(content), chunk))
    return seen_in_file(chunks, len(content) if known else None, Look(WANTED, ours=ours))


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize(
    "written",
    [
        lambda name: name.encode(),
        lambda name: name.upper().encode(),
        lambda name: name.casefold().encode(),
        lambda name: quote(name).encode(),
        lambda name: quote(f"study/{name}", safe="").lower().encode(),
        lambda name: quote_plus(name).encode(),
        lambda name: json.dumps({"recording": name}).encode(),
        lambda name: json.dumps({"line": f"x\n{name}"}, ensure_ascii=False).encode(),
        lambda name: ascii(f"line\n{name}").encode(),
        lambda name: name.replace("&", "&amp;").encode(),
        lambda name: name.encode("ascii", "xmlcharrefreplace"),
        lambda name: f"published/spot-1234/{slug(unicodedata.normalize('NFC', name))}/x".encode(),
        lambda name: f"incoming\\Spot\\{name}".encode(),
        lambda name: b"\xff\xfe" + f"a log: {name}\r\n".encode("utf-16-le"),
        lambda name: b"\xfe\xff" + f"a log: {name}\r\n".encode("utf-16-be"),
    ],
)
def test_a_name_is_seen_in_every_form(written: object, form: str) -> None:
    name = unicodedata.normalize(form, WHO)  # type: ignore[arg-type]
    assert callable(written)
    assert _seen(b"read " + written(name) + b" at") == NAME or _seen(written(name)) == NAME


def test_a_name_in_latin_1_is_seen() -> None:
    assert _seen(f"a log: {WHO}".encode("latin-1")) == NAME


@pytest.mark.parametrize(
    "text",
    [
        "Jörg Ä & Co 11.mp4",
        "xJörg Ä & Co 1.mp4",
        "Jörg Ä & Co 1.mp42",
        f"0{IDENTITY}",
        "Co 1.mp4",
        "",
    ],
)
def test_another_name_or_id_is_not(text: str) -> None:
    assert _seen(text.encode()) is None


def test_a_name_that_others_have_too_needs_its_study_near() -> None:
    wanted = Wanted([Name("r01.mp4", ("Spot ä",), alone=False, within=("day 2/r01.mp4",))])
    assert wanted.seen_in(b"other / r01.mp4") is None
    assert wanted.seen_in(quote("Spot ä/r01.mp4", safe="").encode()) == NAME
    assert wanted.seen_in(b"r01.mp4" + b" " * 600 + "Spot ä".encode()) is None
    assert wanted.seen_in(b"r01.mp4" + b" " * 600 + "Spot ä".encode(), near_bytes=None) == NAME
    assert wanted.seen_in("Spot ä/day 2/r01.mp4".encode()) is None, "a longer name of another"
    assert wanted.seen_in("Spot ä/day 2/r01.mp4, Spot ä/r01.mp4".encode()) == NAME


def test_a_document_is_masked() -> None:
    text = f"lake/{WHO} and {quote(WHO)} of {IDENTITY}-0000001"
    masked = WANTED.masked(text)
    assert masked == "lake/*** and *** of ***-0000001"
    assert WANTED.seen_in(masked.encode()) is None


def _tar(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _zip(compression: int, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _parquet(**columns: list[object]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def _sqlite(*values: object) -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute('CREATE TABLE "a ""table""" (number INTEGER, value)')
        database.executemany('INSERT INTO "a ""table""" VALUES (1, ?)', [(v,) for v in values])
        database.commit()
        return database.serialize()


LINE = b"no such person\n" * 2000
NAMED = LINE + WHO.encode() + b"\n" + LINE
KINDS = {
    "text": (NAMED, LINE),
    "gzip": (gzip.compress(NAMED), gzip.compress(LINE)),
    "two gzips": (gzip.compress(LINE) + gzip.compress(NAMED), gzip.compress(LINE) * 2),
    "bzip2": (bz2.compress(NAMED), bz2.compress(LINE)),
    "xz": (lzma.compress(NAMED), lzma.compress(LINE)),
    "tar": (_tar(a=LINE, b=NAMED), _tar(a=LINE, b=LINE)),
    "tar.gz": (gzip.compress(_tar(a=NAMED)), gzip.compress(_tar(a=LINE))),
    "tar of gzip": (_tar(a=gzip.compress(NAMED)), _tar(a=gzip.compress(LINE))),
    "tar of a key": (_tar(**{WHO: b""}), _tar(a=b"")),
    "zip": (_zip(zipfile.ZIP_DEFLATED, a=LINE, b=NAMED), _zip(zipfile.ZIP_DEFLATED, a=LINE)),
    "zip of gzip": (
        _zip(zipfile.ZIP_STORED, a=gzip.compress(NAMED)),
        _zip(zipfile.ZIP_STORED, a=gzip.compress(LINE)),
    ),
    "parquet": (_parquet(n=[1, 2], who=["x", WHO]), _parquet(n=[1, 2], who=["x", "y"])),
    "parquet, nested": (
        _parquet(who=[[{"a": "x"}], [{"a": WHO}]]),
        _parquet(who=[[{"a": "x"}], [{"a": "y"}]]),
    ),
    "parquet, binary": (_parquet(who=[WHO.encode()] * 3), _parquet(who=[b"y"] * 3)),
    "sqlite, values run together": (_sqlite("x" + WHO + "y"), _sqlite("x", "y")),
    "sqlite": (_sqlite("x", json.dumps({"a": WHO})), _sqlite("x", "y", None, 1.5, b"\x00")),
    "gzip of sqlite": (gzip.compress(_sqlite(WHO)), gzip.compress(_sqlite("x"))),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", [1 << 20, 700])
def test_files_of_every_kind_are_looked_into(kind: str, chunk: int) -> None:
    named, clean = KINDS[kind]
    assert _seen(named, chunk=chunk) == NAME
    assert _seen(clean, chunk=chunk) is None


def test_a_name_over_the_edge_of_two_chunks_is_seen() -> None:
    for before in range(len(WHO.encode()) + 2):
        content = b"." * (9000 - before) + WHO.encode() + b"." * 9000
        assert _seen(content, chunk=9000) == NAME


@pytest.mark.parametrize("kind", ["itself", "gzip", "tar", "zip", "tar.gz"])
def test_a_copy_of_the_recording_is_known_by_its_bytes(kind: str) -> None:
    copies = {
        "itself": VIDEO,
        "gzip": gzip.compress(VIDEO),
        "tar": _tar(a=LINE, b=VIDEO),
        "zip": _zip(zipfile.ZIP_DEFLATED, b=VIDEO),
        "tar.gz": gzip.compress(_tar(b=VIDEO)),
    }
    others = {
        "itself": VIDEO[:-1] + b"x",
        "gzip": gzip.compress(VIDEO[:-1]),
        "tar": _tar(a=LINE, b=VIDEO + b"x"),
        "zip": _zip(zipfile.ZIP_DEFLATED, b=VIDEO[1:]),
        "tar.gz": gzip.compress(_tar(b=VIDEO[1:])),
    }
    assert _seen(copies[kind]) == BYTES
    assert _seen(others[kind]) is None
    assert _seen(f"row {IDENTITY}-0000001-00".encode()) == ID


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zip", "parquet"])
def test_what_is_damaged_is_told_as_such_and_what_is_before_is_read(kind: str) -> None:
    _, clean = KINDS[kind]
    with pytest.raises(OpaqueError):
        _seen(clean[: len(clean) * 2 // 3])
    if kind in ("gzip", "xz"):
        cut = (gzip if kind == "gzip" else lzma).compress(NAMED + bytes(range(256)) * 4)
        assert _seen(cut[:-10]) == NAME


def test_a_damaged_member_does_not_hide_the_others() -> None:
    damaged = gzip.compress(LINE)[:-20]
    assert _seen(_tar(a=damaged, b=NAMED)) == NAME
    assert _seen(_zip(zipfile.ZIP_STORED, a=damaged, b=NAMED)) == NAME
    with pytest.raises(OpaqueError):
        _seen(_tar(a=damaged, b=LINE))


def test_peoples_databases_are_read_as_bytes_alone() -> None:
    assert _seen(_sqlite(WHO), ours=False) == NAME
    assert _seen(b"SQLite format 3\x00" + b"no database" * 99, ours=False) is None


def test_memory_does_not_grow_with_what_is_looked_through() -> None:
    def packed() -> Iterator[bytes]:
        yield gzip.compress(bytes(200 << 20), compresslevel=1)

    content = b"".join(packed())
    tracemalloc.start()
    try:
        assert _seen(content, known=False) is None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_large_file_streams(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        chunks = (bytes(1 << 20) for _ in range(200))
        assert seen_in_file(chunks, 200 << 20, Look(WANTED, ours=True)) is None
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
