"""What a file is by its first bytes, so that FFmpeg never guesses.

Guessing is how a playlist named .mp4 comes to open other files: FFmpeg would
recognise the text and follow it. Here the bytes choose one of four demuxers,
which is then forced; a text reaches none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import BinaryIO

from include.contracts.reasons import QuarantineCode
from include.video.foreign_kinds import Foreign, foreign_kind

SNIFFED_BYTES = 2048


class Demuxer(StrEnum):
    """FFmpeg's names of the demuxers that are ever used."""

    MOV = "mov"
    MATROSKA = "matroska"
    AVI = "avi"
    MPEG_TS = "mpegts"


_BOX_TYPES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"})
_STILL_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx "})
_TS_PACKET_BYTES = (188, 192, 204)


def demuxer_of(head: bytes) -> Demuxer | Foreign | QuarantineCode:
    """Return the demuxer for a file that starts with `head`, or what it is instead.

    Args:
        head: The first `SNIFFED_BYTES` bytes, fewer when the file is shorter.
    """
    if not head:
        return QuarantineCode.EMPTY_FILE
    still = head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS
    if head[4:8] in _BOX_TYPES and not still:
        return Demuxer.MOV
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return Demuxer.MATROSKA
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"):
        return Demuxer.AVI
    if _is_transport_stream(head):
        return Demuxer.MPEG_TS
    return foreign_kind(head) or QuarantineCode.NOT_A_VIDEO


def _is_transport_stream(head: bytes) -> bool:
    """Sync bytes at a fixed distance, as far as `head` reaches (at least four)."""
    for size in _TS_PACKET_BYTES:
        at = range(4 if size == 192 else 0, len(head), size)
        if len(at) >= 4 and all(head[position] == 0x47 for position in at):
            return True
    return False


def sniff(file: BinaryIO) -> Demuxer | Foreign | QuarantineCode:
    """Return `demuxer_of` an opened file; its position is left at the start."""
    file.seek(0)
    head = file.read(SNIFFED_BYTES)
    file.seek(0)
    return demuxer_of(head)
