"""What a file that is not read turns out to be, by its first bytes.

People are told what they have in hand and how it becomes a recording that is read. Magic
numbers are those of the formats' own specifications, as FFmpeg's probes know them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from include.contracts.reasons import QuarantineCode


class Way(Enum):
    """What helps."""

    CONVERT = auto()
    """FFmpeg writes it again as MP4."""
    NO_TIMES = auto()
    """It is video, but says of no picture when it was taken."""
    OTHER_FILE = auto()
    """It is no video at all."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that is not read."""

    what: str
    """With its article, for "... is"."""
    way: Way

    @property
    def code(self) -> QuarantineCode:
        """Why it is set aside."""
        if self.way is Way.OTHER_FILE:
            return QuarantineCode.NOT_A_VIDEO
        return QuarantineCode.UNSUPPORTED_CONTAINER


_MXF = b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02"
_ANNEX_B = re.compile(rb"\x00{2,3}\x01(?:[\x67\x27\x09\x40\x42\x44\x46]|\x06\x05)", re.DOTALL)
"""Start code, then the parameter set or delimiter that H.264 and H.265 streams begin with."""

_CONVERTED = {
    "a Flash video (FLV)": (rb"FLV\x01",),
    "an MPEG programme stream (.mpg, .vob)": (rb"\x00\x00\x01\xba",),
    "an MPEG video stream without a container (.m1v, .m2v)": (rb"\x00\x00\x01\xb3",),
    "a Windows Media file (WMV, ASF)": (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11",),
    "an Ogg file (.ogv, .ogg)": (rb"OggS",),
    "an MXF file": (rb".{0,2000}?" + re.escape(_MXF),),
    "a DV file": (rb"\x1f\x07\x00[\x3f\xbf]",),
    "a GIF": (rb"GIF8[79]a",),
    "a RealMedia file": (rb"\.RMF",),
    "a NUT file": (rb"nut/multimedia container",),
    "an IVF file": (rb"DKIF",),
    "an uncompressed YUV4MPEG file (.y4m)": (rb"YUV4MPEG2",),
    "a recorded TV show of Windows (WTV)": (rb"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e",),
}
_OTHER_FILES = {
    "a picture (JPEG)": (rb"\xff\xd8\xff",),
    "a picture (PNG)": (rb"\x89PNG\r\n",),
    "a picture (WebP)": (rb"RIFF....WEBP",),
    "a picture (HEIC or AVIF)": (rb"....ftyp(?:heic|heix|mif1|msf1|avif|avis|crx )",),
    "a picture (TIFF or camera raw)": (rb"II\*\x00", rb"MM\x00\*"),
    "a picture (BMP)": (rb"BM....\x00\x00\x00\x00",),
    "a sound recording (WAV)": (rb"RIFF....WAVE", rb"RF64....WAVE"),
    "a sound recording (MP3)": (rb"ID3[\x02-\x04]", rb"\xff[\xfb\xf3\xf2][^\x00\xff]"),
    "a sound recording (AAC)": (rb"\xff[\xf1\xf9][\x40-\x9f]",),
    "a sound recording (FLAC)": (rb"fLaC",),
    "a sound recording (AMR)": (rb"#!AMR",),
    "a sound recording (AIFF)": (rb"FORM....AIF[FC]",),
    "a PDF document": (rb"%PDF-",),
    "a ZIP archive or an Office document": (rb"PK\x03\x04", rb"PK\x05\x06"),
    "an Office document": (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
    "an archive (RAR)": (rb"Rar!\x1a\x07",),
    "an archive (7-Zip)": (rb"7z\xbc\xaf\x27\x1c",),
    "an archive (gzip)": (rb"\x1f\x8b\x08",),
    "a web page": (rb"\s*(?:\xef\xbb\xbf)?\s*<(?i:!doctype html|html)",),
    "a playlist (M3U8)": (rb"#EXTM3U",),
}
_KINDS = [
    *((re.compile(rb"|".join(marks), re.DOTALL), Foreign(what, Way.CONVERT))
      for what, marks in _CONVERTED.items()),
    *((re.compile(rb"|".join(marks), re.DOTALL), Foreign(what, Way.OTHER_FILE))
      for what, marks in _OTHER_FILES.items()),
    (_ANNEX_B, Foreign("a raw H.264 or H.265 stream without a container", Way.NO_TIMES)),
]  # fmt: skip


def foreign_kind(head: bytes) -> Foreign | None:
    """Return what a file is that starts with `head`; None where it is nothing known.

    Args:
        head: Its first 2,048 bytes or so.
    """
    for mark, kind in _KINDS:
        if mark.match(head):
            return kind
    return Foreign("a text", Way.OTHER_FILE) if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters; the last character may be cut."""
    text = head.decode("utf-8", "ignore")
    cut = len(head) - len(text.encode())
    return cut <= 3 and not re.search(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]", text)
