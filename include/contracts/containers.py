"""Every kind of file that is known by its first bytes: containers that are read, and all else.

One row says all that the platform knows of a container: how its bytes are told, which of
FFmpeg's demuxers reads it, what people call it, and what its clock is like. To read one more,
move or add its row here.

The bytes choose the demuxer, which is then forced, so that FFmpeg never guesses: guessing is
how a playlist named .mp4 comes to open other files. Magic numbers are those of the formats'
own specifications, as FFmpeg's probes know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from include.contracts.reasons import QuarantineCode

SNIFFED_BYTES = 2048

Mark = Callable[[bytes], object]
"""Tells from the first bytes of a file whether it is of a kind."""


def _begins(*patterns: bytes) -> Mark:
    return re.compile(rb"|".join(patterns), re.DOTALL).match


@dataclass(frozen=True, slots=True)
class Container:
    """A container that is read.

    Attributes:
        demuxer: FFmpeg's name of its demuxer, as published in the column `container`.
        name: What people call it.
        endings: How names of such files end, without the dot.
        mark: Tells it from the first bytes.
        boxes: Whether its header is boxes whose declared sizes are read before FFmpeg is asked.
        counts_frames: Whether it stores no times but frame numbers; its clock cannot break off.
        decoding_times: Whether it stores decoding times; FFmpeg guesses them else, wrongly
            behind a seam, and loses times below zero.
        wraps_at: Ticks after which its clock starts at 0 again by design; None: never.
    """

    demuxer: str
    name: str
    endings: tuple[str, ...]
    mark: Mark
    boxes: bool = False
    counts_frames: bool = False
    decoding_times: bool = True
    wraps_at: int | None = None


class Way(Enum):
    """What helps with a file that is not read."""

    CONVERT = auto()
    """FFmpeg writes it again as MP4."""
    NO_TIMES = auto()
    """It is video, but says of no picture when it was taken."""
    OTHER_FILE = auto()
    """It is no video at all."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that is not read.

    Attributes:
        what: With its article, for "... is".
        way: What helps.
        mark: Tells it from the first bytes.
        endings: How names of such files end, without the dot; only those of video are listed.
    """

    what: str
    way: Way
    mark: Mark
    endings: tuple[str, ...] = ()

    @property
    def code(self) -> QuarantineCode:
        """Why it is set aside."""
        if self.way is Way.OTHER_FILE:
            return QuarantineCode.NOT_A_VIDEO
        return QuarantineCode.UNSUPPORTED_CONTAINER


def _is_transport_stream(head: bytes) -> bool:
    """Sync bytes at a fixed distance, as far as `head` reaches (at least four)."""
    for size in (188, 192, 204):
        at = range(4 if size == 192 else 0, len(head), size)
        if len(at) >= 4 and all(head[position] == 0x47 for position in at):
            return True
    return False


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters; the last character may be cut."""
    text = head.decode("utf-8", "ignore")
    cut = len(head) - len(text.encode())
    return cut <= 3 and not re.search(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]", text)


_STILL_BRANDS = rb"heic|heix|mif1|msf1|avif|avis|crx "
_MXF = re.escape(b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02")

MP4 = Container(
    demuxer="mov",
    name="MP4/MOV",
    endings=("mp4", "mov", "m4v", "qt", "3gp", "3g2", "3gpp", "f4v", "ismv"),
    mark=_begins(rb"....(?:moov|mdat|free|skip|wide|pnot|styp|ftyp(?!" + _STILL_BRANDS + rb"))"),
    boxes=True,
)
MATROSKA = Container(
    demuxer="matroska",
    name="MKV/WebM",
    endings=("mkv", "webm"),
    mark=_begins(rb"\x1a\x45\xdf\xa3"),
    decoding_times=False,
)
AVI = Container(
    demuxer="avi",
    name="AVI",
    endings=("avi", "divx"),
    mark=_begins(rb"RIFF....AVI[ X]"),
    counts_frames=True,
)
MPEG_TS = Container(
    demuxer="mpegts",
    name="MPEG-TS",
    endings=("ts", "mts", "m2ts", "m2t", "trp", "tod"),
    mark=_is_transport_stream,
    wraps_at=1 << 33,  # ISO/IEC 13818-1: 33 bits of a 90 kHz clock, 26.5 hours
)
CONTAINERS: tuple[Container, ...] = (MP4, MATROSKA, AVI, MPEG_TS)
"""Those that are read, in the order in which they are named to people."""


def _converted(what: str, *patterns: bytes, endings: tuple[str, ...] = ()) -> Foreign:
    return Foreign(what, Way.CONVERT, _begins(*patterns), endings)


def _other(what: str, *patterns: bytes, endings: tuple[str, ...] = ()) -> Foreign:
    return Foreign(what, Way.OTHER_FILE, _begins(*patterns), endings)


FOREIGN: tuple[Foreign, ...] = (
    _converted("a Flash video (FLV)", rb"FLV\x01", endings=("flv",)),
    _converted(
        "an MPEG programme stream (.mpg, .vob)",
        rb"\x00\x00\x01\xba",
        endings=("mpg", "mpeg", "mpe", "mpv", "vob", "mod"),
    ),
    _converted(
        "an MPEG video stream without a container (.m1v, .m2v)",
        rb"\x00\x00\x01\xb3",
        endings=("m1v", "m2v"),
    ),
    _converted(
        "a Windows Media file (WMV, ASF)",
        rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        endings=("wmv", "asf"),
    ),
    _converted("an Ogg file (.ogv, .ogg)", rb"OggS", endings=("ogv", "ogg", "ogm")),
    _converted("an MXF file", rb".{0,2000}?" + _MXF, endings=("mxf",)),
    _converted("a DV file", rb"\x1f\x07\x00[\x3f\xbf]", endings=("dv",)),
    _converted("a GIF", rb"GIF8[79]a", endings=("gif",)),
    _converted("a RealMedia file", rb"\.RMF", endings=("rm", "rmvb")),
    _converted("a NUT file", rb"nut/multimedia container"),
    _converted("an IVF file", rb"DKIF"),
    _converted("an uncompressed YUV4MPEG file (.y4m)", rb"YUV4MPEG2"),
    _converted(
        "a recorded TV show of Windows (WTV)",
        rb"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e",
        endings=("wtv",),
    ),
    Foreign(
        "a raw H.264 or H.265 stream without a container",
        Way.NO_TIMES,
        # Start code, then the parameter set or delimiter that such streams begin with.
        _begins(rb"\x00{2,3}\x01(?:[\x67\x27\x09\x40\x42\x44\x46]|\x06\x05)"),
    ),
    _other("a picture (JPEG)", rb"\xff\xd8\xff", endings=("mjpeg",)),
    _other("a picture (PNG)", rb"\x89PNG\r\n"),
    _other("a picture (WebP)", rb"RIFF....WEBP"),
    _other("a picture (HEIC or AVIF)", rb"....ftyp(?:" + _STILL_BRANDS + rb")"),
    _other("a picture (TIFF or camera raw)", rb"II\*\x00", rb"MM\x00\*"),
    _other("a picture (BMP)", rb"BM....\x00\x00\x00\x00"),
    _other("a sound recording (WAV)", rb"RIFF....WAVE", rb"RF64....WAVE"),
    _other("a sound recording (MP3)", rb"ID3[\x02-\x04]", rb"\xff[\xfb\xf3\xf2][^\x00\xff]"),
    _other("a sound recording (AAC)", rb"\xff[\xf1\xf9][\x40-\x9f]"),
    _other("a sound recording (FLAC)", rb"fLaC"),
    _other("a sound recording (AMR)", rb"#!AMR"),
    _other("a sound recording (AIFF)", rb"FORM....AIF[FC]"),
    _other("a PDF document", rb"%PDF-"),
    _other("a ZIP archive or an Office document", rb"PK\x03\x04", rb"PK\x05\x06"),
    _other("an Office document", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    _other("an archive (RAR)", rb"Rar!\x1a\x07"),
    _other("an archive (7-Zip)", rb"7z\xbc\xaf\x27\x1c"),
    _other("an archive (gzip)", rb"\x1f\x8b\x08"),
    _other("a web page", rb"\s*(?:\xef\xbb\xbf)?\s*<(?i:!doctype html|html)"),
    _other("a playlist (M3U8)", rb"#EXTM3U"),
    Foreign("a text", Way.OTHER_FILE, _is_text),
)
"""Those that are not; the first that fits counts."""

_KINDS: tuple[Container | Foreign, ...] = (*CONTAINERS, *FOREIGN)
_BY_DEMUXER = {kind.demuxer: kind for kind in CONTAINERS}
VIDEO_ENDINGS = frozenset(ending for kind in _KINDS for ending in kind.endings)
"""How names of video files end, read or not, in lower case and without the dot."""


def kind_of(head: bytes) -> Container | Foreign | None:
    """Return what a file is that starts with `head`; None where it is nothing known.

    Args:
        head: Its first `SNIFFED_BYTES` bytes, fewer when the file is shorter.
    """
    return next((kind for kind in _KINDS if head and kind.mark(head)), None)


def is_video(head: bytes) -> bool:
    """Whether a file that starts with `head` holds moving pictures, read or not."""
    kind = kind_of(head)
    return isinstance(kind, Container) or (kind is not None and kind.way is not Way.OTHER_FILE)


def container_of(demuxer: str) -> Container:
    """Return the container of one of FFmpeg's demuxers.

    Args:
        demuxer: Its name, or all its names joined by commas, as FFmpeg tells one that it chose.

    Raises:
        KeyError: It is none that is read.
    """
    for name in demuxer.split(","):
        if name in _BY_DEMUXER:
            return _BY_DEMUXER[name]
    raise KeyError(demuxer)


def accepted() -> str:
    """Return the sentence that tells people what is read."""
    *first, last = [kind.name for kind in CONTAINERS]
    return f"Accepted are {', '.join(first)} and {last}."
