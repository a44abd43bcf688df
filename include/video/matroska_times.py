"""Times below zero in Matroska and WebM, which FFmpeg's reader does not hand out.

A cluster states a time, never below zero, and each of its blocks a distance from it
in 16 bits, signed (RFC 9559, 10.2 and 5.1.3.1). A recording that was cut or moved
without making its times start at zero has blocks whose sum is below zero: sound, and
written so by FFmpeg (`-avoid_negative_ts disabled`). Its reader gives such packets no
time; where frames are not reordered FFmpeg then invents times from zero on, which come
again later. So the sum is made here, from the bytes at the packet's place in the file.
"""

from __future__ import annotations

import os
from typing import BinaryIO

_SEGMENT, _CLUSTER, _CLUSTER_TIME = 0x18538067, 0x1F43B675, 0xE7
_LONGEST_HEADER_BYTES = 12
"""A name of four bytes and a size of eight."""
_LACED = 0x06


class TimesBelowZero:
    """Looks up blocks of one opened file; its read position is left alone."""

    def __init__(self, file: BinaryIO) -> None:
        self._fd = file.fileno()
        self._rewind()

    def time_at(self, block_at: int) -> int | None:
        """Return the time of a block, in ticks of its file, if that is below zero.

        None where it is not, where several frames share the block, and where the file
        is too damaged to tell.

        Args:
            block_at: Where the content of the block begins (FFmpeg's `pos` of its packet).

        Raises:
            OSError: The file cannot be read.
        """
        block = os.pread(self._fd, _LONGEST_HEADER_BYTES, block_at)
        _, behind_track = _number(block, 0)
        if not behind_track or len(block) < behind_track + 3:
            return None
        distance = int.from_bytes(block[behind_track : behind_track + 2], "big", signed=True)
        if distance >= 0 or block[behind_track + 2] & _LACED:
            return None
        cluster_time = self._cluster_time(block_at)
        if cluster_time is None or cluster_time + distance >= 0:
            return None
        return cluster_time + distance

    def _rewind(self) -> None:
        self._at = 0
        self._time: int | None = None

    def _cluster_time(self, block_at: int) -> int | None:
        """Walk on from element to element up to the one that holds `block_at`."""
        if block_at < self._at:
            self._rewind()
        while self._at <= block_at:
            head = os.pread(self._fd, _LONGEST_HEADER_BYTES, self._at)
            name, behind_name = _name(head)
            size, behind_size = _number(head, behind_name)
            if not behind_name or not behind_size:
                return None
            content = self._at + behind_size
            if name in (_SEGMENT, _CLUSTER):
                self._time = None
                self._at = content
                continue
            if size is None or content + size > block_at:
                return self._time
            if name == _CLUSTER_TIME and size <= 8:
                self._time = int.from_bytes(os.pread(self._fd, size, content), "big")
            self._at = content + size
        return None


def _length(first: int) -> int:
    """Return how many bytes a number takes by its first: the place of the first bit set."""
    return 9 - first.bit_length()


def _name(head: bytes) -> tuple[int, int]:
    """Return an element's name (with its marker bit) and where it ends; 0 where there is none."""
    length = _length(head[0]) if head else 9
    if length > 4 or len(head) < length:
        return 0, 0
    return int.from_bytes(head[:length], "big"), length


def _number(head: bytes, at: int) -> tuple[int | None, int]:
    """Return a number of variable length (None: "unknown") and where it ends; 0: there is none."""
    length = _length(head[at]) if at < len(head) else 9
    if length > 8 or len(head) < at + length:
        return None, 0
    bits = 7 * length
    value = int.from_bytes(head[at : at + length], "big") & ((1 << bits) - 1)
    return (None if value == (1 << bits) - 1 else value), at + length
