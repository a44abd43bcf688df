"""Which key frames reset a decoder, so that nothing decoded before them matters."""

from __future__ import annotations

from collections.abc import Iterator

from av.packet import Packet
from av.video.stream import VideoStream

_RESETTING_CODECS = frozenset({"vp8", "vp9", "av1", "libdav1d", "mjpeg"})
"""Every key frame of these discards all references."""

_H264_IDR = frozenset({5})
_HEVC_IDR = frozenset({19, 20})


def resets_decoder(codec: str, extradata: bytes, packet: Packet[VideoStream]) -> bool:
    """Tell whether no frame from this key frame on refers to anything before it.

    H.264 and HEVC containers also call the start of an open group of pictures a
    key frame; frames after it may refer backwards, so only instantaneous
    decoder refresh counts (ITU-T H.264 table 7-1, H.265 table 7-1).

    Args:
        codec: FFmpeg's decoder name.
        extradata: The stream's configuration record, which tells how units are framed.
        packet: A packet flagged as key frame.
    """
    if codec in _RESETTING_CODECS:
        return True
    if codec == "h264":
        length_size = (extradata[4] & 3) + 1 if extradata[:1] == b"\x01" else None
        return any(head & 0x1F in _H264_IDR for head in _unit_heads(bytes(packet), length_size))
    if codec == "hevc":
        length_size = (extradata[21] & 3) + 1 if extradata[:1] == b"\x01" else None
        return any(
            head >> 1 & 0x3F in _HEVC_IDR for head in _unit_heads(bytes(packet), length_size)
        )
    return False


def _unit_heads(data: bytes, length_size: int | None) -> Iterator[int]:
    """Yield the first byte of each NAL unit; without `length_size`, Annex B start codes."""
    if length_size is None:
        at = data.find(b"\x00\x00\x01")
        while 0 <= at < len(data) - 3:
            yield data[at + 3]
            at = data.find(b"\x00\x00\x01", at + 3)
        return
    at = 0
    while at + length_size < len(data):
        yield data[at + length_size]
        at += length_size + int.from_bytes(data[at : at + length_size], "big")
