"""Looking into a file, whatever it is: its bytes, what is packed in it, the rows of its tables.

Everything streams. What can only be read from its end (zip, Parquet, SQLite) goes through a
temporary file without a name. Content that people dropped is never given to a parser outside
Python's own: its Parquet and SQLite files are looked through as bytes.
"""

from __future__ import annotations

import bz2
import codecs
import hashlib
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any

from include.contracts.containers import is_video
from include.lake.raw import CHUNK_BYTES
from include.pipeline.erasure.scan.wanted import BYTES, OVERLAP_BYTES, Wanted

MAX_DEPTH = 4
"""Archives within archives."""
MAX_UNPACKED_BYTES = 64 << 30
"""Of one packed stream: a few bytes must not unpack for days."""

_HEAD_BYTES = 512
_ROWS = 1024
_FAULTS = (
    EOFError, OSError, RuntimeError, NotImplementedError, ValueError, struct.error, zlib.error,
    lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, sqlite3.Error,
)  # fmt: skip
_PACKED: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lzma.LZMADecompressor),
)
SQLITE = b"SQLite format 3\x00"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class OpaqueError(Exception):
    """A file, or a part of it, that cannot be looked into; nothing was seen in the rest."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a file is looked into.

    Attributes:
        wanted: What is looked for.
        ours: Whether the platform wrote it; people's get no parser but Python's own.
        depth: Within how many archives it lies.
    """

    wanted: Wanted
    ours: bool
    depth: int = 0

    @property
    def deeper(self) -> Look:
        """The same, one archive further in."""
        return replace(self, depth=self.depth + 1)


def seen_in_file(chunks: Iterable[bytes], size_bytes: int | None, look: Look) -> str | None:
    """Return what of the person is in a file, None when nothing is.

    Args:
        chunks: The file's bytes.
        size_bytes: How many; None where nobody knows beforehand.
        look: What is looked for, and how.

    Raises:
        OpaqueError: It cannot be looked into (damaged, encrypted, unpacks without end).
        FileNotFoundError: It is gone.
        TransientError: The store failed for now.
    """
    stream = _Stream(chunks, size_bytes, look.wanted)
    try:
        seen = _looked_into(stream, stream.head(), look)
    except FileNotFoundError:
        raise
    except (OpaqueError, *_FAULTS) as error:
        try:
            if stream.is_wanted():
                return BYTES
        except _FAULTS:
            pass
        if isinstance(error, OpaqueError):
            raise
        raise OpaqueError(f"{type(error).__name__}: {error}"[:200]) from error
    return seen or (BYTES if stream.is_wanted() else None)


def _looked_into(stream: _Stream, head: bytes, look: Look) -> str | None:
    if is_video(head):
        # Moving pictures hold no name; copies are told by size and hash.
        return None
    if look.depth < MAX_DEPTH and (archive := _archive(head)):
        return archive(stream, look)
    if head.startswith(SQLITE):
        if look.ours:
            return _in_spooled(stream, look, _in_sqlite, run_together=True)
        return in_text(stream, look.wanted, run_together=True)
    if look.ours and head.startswith(b"PAR1"):
        return _in_spooled(stream, look, _in_parquet)
    return in_text(_recoded(stream) if head.startswith(_UTF_16) else stream, look.wanted)


def _archive(head: bytes) -> Callable[[_Stream, Look], str | None] | None:
    """Return what looks into an archive or a packed stream, by its first bytes."""
    if head[257:262] == b"ustar":
        return _in_tar
    if head.startswith(b"PK\x03\x04"):
        return partial(_in_spooled, into=_in_zip)
    for magic, unpacker in _PACKED:
        if head.startswith(magic):
            return partial(_in_packed, unpacker=unpacker)
    return None


def _in_packed(stream: _Stream, look: Look, unpacker: Callable[[], Any]) -> str | None:
    return seen_in_file(_unpacked(stream, unpacker), None, look.deeper)


class _Stream:
    """Chunks that can be looked at before they are read, and are hashed where that may matter."""

    def __init__(self, chunks: Iterable[bytes], size_bytes: int | None, wanted: Wanted) -> None:
        self._chunks = iter(chunks)
        self._ahead = b""
        self._wanted = wanted
        may_be = bool(wanted.files) and (size_bytes is None or size_bytes in wanted.files)
        self._digest = hashlib.sha256() if may_be else None
        self._count = 0

    def head(self) -> bytes:
        while len(self._ahead) < _HEAD_BYTES and (chunk := next(self._chunks, b"")):
            self._ahead += chunk
        return self._ahead[:_HEAD_BYTES]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk, self._ahead = self._ahead or next(self._chunks), b""
        self._count += len(chunk)
        if self._digest is not None:
            self._digest.update(chunk)
        return chunk

    def is_wanted(self) -> bool:
        """Read what is left and say whether it is one of the files that are looked for."""
        if self._digest is None:
            return False
        for _ in self:
            pass
        return self._digest.hexdigest() in self._wanted.files.get(self._count, ())


class _File(io.RawIOBase):
    """A stream as the file that `tarfile` reads from start to end."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        self._stream = stream
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, count = [self._rest], len(self._rest)
        while (size < 0 or count < size) and (chunk := next(self._stream, b"")):
            parts.append(chunk)
            count += len(chunk)
        whole = b"".join(parts)
        end = len(whole) if size < 0 else size
        self._rest = whole[end:]
        return whole[:end]


def in_text(stream: Iterable[bytes], wanted: Wanted, *, run_together: bool = False) -> str | None:
    """Look through bytes in windows that overlap; also through what comes before a fault."""
    seen_in = partial(wanted.seen_in, run_together=run_together)
    window = b""
    try:
        for chunk in stream:
            if len(window) > OVERLAP_BYTES:
                if seen := seen_in(window):
                    return seen
                window = window[-OVERLAP_BYTES:]
            window += chunk
    except _FAULTS:
        if seen := seen_in(window):
            return seen
        raise
    return seen_in(window)


def _recoded(stream: Iterable[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for chunk in stream:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")


def _unpacked(stream: Iterable[bytes], unpacker: Callable[[], Any]) -> Iterator[bytes]:
    """Unpack a stream of one or more members, never more than a chunk at a time."""
    count, inner = 0, unpacker()
    for chunk in stream:
        data = chunk
        while data or not (inner.eof or getattr(inner, "needs_input", True)):
            if inner.eof:
                data = data.lstrip(b"\x00")  # padding between members
                if not data:
                    break
                inner = unpacker()
            unpacked = inner.decompress(data, CHUNK_BYTES)
            data = inner.unused_data if inner.eof else getattr(inner, "unconsumed_tail", b"")
            count += len(unpacked)
            if count > MAX_UNPACKED_BYTES:
                raise ValueError(f"unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB")
            if unpacked:
                yield unpacked
    if not inner.eof:
        yield inner.flush() if hasattr(inner, "flush") else b""
        raise EOFError("it ends before its end")


def _in_tar(stream: _Stream, look: Look) -> str | None:
    members = _Members(look)
    with tarfile.open(mode="r|", fileobj=_File(stream)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            seen = members.seen_in(f"{member.name}\n{member.linkname}", member.size, content)
            if seen:
                return seen
    return members.closed(in_text(stream, look.wanted))  # what stands behind the end


def _in_zip(file: IO[bytes], look: Look) -> str | None:
    members = _Members(look)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            with archive.open(member) as content:
                seen = members.seen_in(member.filename, member.file_size, content)
            if seen:
                return seen
    return members.closed(None)


class _Members:
    """The members of an archive: one that cannot be looked into does not hide the others."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._opaque: OpaqueError | None = None

    def seen_in(self, name: str, size_bytes: int, content: IO[bytes] | None) -> str | None:
        seen = self._look.wanted.seen_in(name.encode("utf-8", "replace"))
        if seen or content is None:
            return seen
        try:
            return seen_in_file(_chunks(content), size_bytes, self._look.deeper)
        except OpaqueError as error:
            self._opaque = error
            return None

    def closed(self, seen: str | None) -> str | None:
        if seen is None and self._opaque is not None:
            raise self._opaque
        return seen


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(CHUNK_BYTES):
        yield chunk


def _in_spooled(
    stream: _Stream,
    look: Look,
    into: Callable[[IO[bytes], Look], str | None],
    *,
    run_together: bool = False,
) -> str | None:
    """Look through the bytes while they are put into a file, then into it."""
    with tempfile.NamedTemporaryFile(prefix="fex-look-") as file:
        seen = in_text(_copied(stream, file), look.wanted, run_together=run_together)
        file.flush()
        file.seek(0)
        return seen or into(file, look)


def _copied(stream: Iterable[bytes], file: IO[bytes]) -> Iterator[bytes]:
    for chunk in stream:
        file.write(chunk)
        yield chunk


def _in_parquet(file: IO[bytes], look: Look) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    columns = [
        field.name
        for field in table.schema_arrow
        if not (pa.types.is_primitive(field.type) or pa.types.is_null(field.type))
    ]
    for batch in table.iter_batches(_ROWS, columns=columns) if columns else ():
        for row in batch.to_pylist():
            if seen := look.wanted.seen_in(row_text(row.values()), near_bytes=None):
                return seen
    return None


def _in_sqlite(file: IO[bytes], look: Look) -> str | None:
    uri = f"file:{file.name}?immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        database.text_factory = lambda value: value.decode("utf-8", "replace")
        database.execute("PRAGMA trusted_schema=OFF")
        tables = database.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
        for (table,) in tables:
            quoted = table.replace('"', '""')
            for row in database.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - quoted
                if seen := look.wanted.seen_in(row_text(row), near_bytes=None):
                    return seen
    return None


def row_text(values: Iterable[object]) -> bytes:
    """Return the values of one row as one text."""
    return b"\n".join(_value(value) for value in values)


def _value(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=repr).encode("utf-8", "surrogatepass")
    return str(value).encode()
