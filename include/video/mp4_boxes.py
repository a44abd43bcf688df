"""The few boxes of an MP4 file that are read before FFmpeg may see it.

ISO/IEC 14496-12: a box is a 32-bit size, four characters, content; size 1 means
a 64-bit size follows, size 0 reaches to the end. Read here: is the movie box
there and whole, and which picture size do the video tracks declare.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MAX_BOXES = 4096
_PATH_TO_ENTRY = (b"mdia", b"minf", b"stbl", b"stsd")


@dataclass(frozen=True, slots=True)
class Mp4Header:
    """`complete`: a whole movie box exists. `sizes_px`: declared (width, height), per track."""

    complete: bool
    sizes_px: tuple[tuple[int, int], ...]


def read_header(file: BinaryIO) -> Mp4Header:
    """Read the declared picture sizes of an opened MP4 or MOV file; seeks in it."""
    end = file.seek(0, os.SEEK_END)
    movie = next((box for box in _boxes(file, 0, end) if box[0] == b"moov"), None)
    if movie is None or movie[2] > end:
        return Mp4Header(complete=False, sizes_px=())
    sizes: list[tuple[int, int]] = []
    for kind, start, stop in _boxes(file, movie[1], movie[2]):
        if kind == b"trak":
            sizes.extend(_track_sizes(file, start, stop))
    return Mp4Header(complete=True, sizes_px=tuple(sizes))


def _track_sizes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the sizes in the track header and in the video sample entry."""
    for kind, inner, end in _boxes(file, start, stop):
        if kind == b"tkhd" and end - inner >= 8:
            file.seek(end - 8)
            width, height = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
            yield width >> 16, height >> 16
    entries = _descend(file, start, stop, _PATH_TO_ENTRY)
    if entries is None:
        return
    # The sample description box: version and count (8 bytes), then the entries,
    # whose video kind has width and height 24 bytes after its own header.
    for kind, inner, end in _boxes(file, entries[0] + 8, entries[1]):
        if end - inner >= 70 and kind not in (b"mp4a", b"text", b"tx3g"):
            file.seek(inner + 24)
            width, height = struct.unpack(">HH", file.read(4).ljust(4, b"\0"))
            if not _is_sound(file, start, stop):
                yield width, height


def _is_sound(file: BinaryIO, start: int, stop: int) -> bool:
    handler = _descend(file, start, stop, (b"mdia", b"hdlr"))
    if handler is None:
        return False
    file.seek(handler[0] + 8)
    return file.read(4) != b"vide"


def _descend(
    file: BinaryIO, start: int, stop: int, path: tuple[bytes, ...]
) -> tuple[int, int] | None:
    for name in path:
        found = next((box for box in _boxes(file, start, stop) if box[0] == name), None)
        if found is None:
            return None
        _, start, stop = found
    return start, stop


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start of content, end) of the boxes in a stretch of the file."""
    at = start
    for _ in range(_MAX_BOXES):
        if at + 8 > stop:
            return
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header[:8])
        content = at + 8
        if size == 1 and len(header) == 16:
            size, content = struct.unpack(">Q", header[8:])[0], at + 16
        elif size == 0:
            size = stop - at
        if size < content - at:
            return
        yield kind, content, at + size
        at += size
