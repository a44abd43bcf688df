"""Ways to damage a recording. Pure: bytes and a seeded generator in, bytes out.

Each stands for something that happens to files: a failing disk (bits, runs of zeros), a broken
upload (cut off, blocks lost, repeated or out of order), a writer's mistake (a field with a value
it may not have), tools that glue files together (two recordings in one).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from numpy.random import Generator

_MAX_FLIPS = 64
_MAX_ZEROS = 4096
_FIELD_REACH_BYTES = 40
"""How far behind its mark a structure's fields are changed; 8 bytes before it lies its size."""
_EDGE_VALUES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Mutation = Callable[[bytes, bytes, Sequence[bytes], Generator], bytes]
"""A recording, another of the same container, the container's marks and the generator."""


def bits_flipped(data: bytes, _: bytes, __: Sequence[bytes], draw: Generator) -> bytes:
    """Flip 1 to 64 bits anywhere."""
    changed = bytearray(data)
    for at in draw.integers(0, len(data) * 8, draw.integers(1, _MAX_FLIPS + 1)):
        changed[at >> 3] ^= 1 << (at & 7)
    return bytes(changed)


def cut_off(data: bytes, _: bytes, __: Sequence[bytes], draw: Generator) -> bytes:
    """Keep only the start, from one byte to all but one."""
    return data[: draw.integers(1, len(data))]


def block_repeated(data: bytes, _: bytes, __: Sequence[bytes], draw: Generator) -> bytes:
    """Write a block twice."""
    start, stop = _block(data, draw)
    return data[:stop] + data[start:stop] + data[stop:]


def block_lost(data: bytes, _: bytes, __: Sequence[bytes], draw: Generator) -> bytes:
    """Leave a block out."""
    start, stop = _block(data, draw)
    return data[:start] + data[stop:]


def blocks_swapped(data: bytes, _: bytes, __: Sequence[bytes], draw: Generator) -> bytes:
    """Exchange two blocks of one size."""
    size = int(draw.integers(1, max(2, len(data) // 4)))
    first = int(draw.integers(0, len(data) - 2 * size + 1))
    second = int(draw.integers(first + size, len(data) - size + 1))
    return (
        data[:first]
        + data[second : second + size]
        + data[first + size : second]
        + data[first : first + size]
        + data[second + size :]
    )


def zeros_written(data: bytes, _: bytes, __: Sequence[bytes], draw: Generator) -> bytes:
    """Overwrite a stretch with zeros."""
    size = int(draw.integers(1, min(_MAX_ZEROS, len(data)) + 1))
    start = int(draw.integers(0, len(data) - size + 1))
    return data[:start] + bytes(size) + data[start + size :]


def fields_changed(data: bytes, _: bytes, marks: Sequence[bytes], draw: Generator) -> bytes:
    """Give 1 to 4 fields of the container's structures an edge value, or one beside their own."""
    places = [found.start() for found in re.finditer(b"|".join(map(re.escape, marks)), data)]
    changed = bytearray(data)
    for _number in range(int(draw.integers(1, 5))):
        mark = int(draw.choice(places)) if places else 0
        at = mark + int(draw.integers(-8, _FIELD_REACH_BYTES))
        size = int(draw.choice((1, 2, 4, 8)))
        if at < 0 or at + size > len(data):
            continue
        value = int.from_bytes(changed[at : at + size], "big")
        if draw.random() < 0.5:
            value = int(draw.choice(_EDGE_VALUES))
        else:
            value += int(draw.integers(-16, 17))
        changed[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "big")
    return bytes(changed)


def spliced(data: bytes, other: bytes, _: Sequence[bytes], draw: Generator) -> bytes:
    """The start of one recording, then the end of another."""
    return data[: draw.integers(1, len(data))] + other[draw.integers(0, len(other)) :]


MUTATIONS: Mapping[str, Mutation] = {
    "bits flipped": bits_flipped,
    "cut off": cut_off,
    "block repeated": block_repeated,
    "block lost": block_lost,
    "blocks swapped": blocks_swapped,
    "zeros written": zeros_written,
    "fields changed": fields_changed,
    "two spliced": spliced,
}
"""By the name that the table shows."""


def _block(data: bytes, draw: Generator) -> tuple[int, int]:
    """A stretch of one byte to a quarter of the file."""
    size = int(draw.integers(1, max(2, len(data) // 4)))
    start = int(draw.integers(0, len(data) - size + 1))
    return start, start + size
