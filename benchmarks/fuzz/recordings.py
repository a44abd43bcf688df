"""The sound recordings that are mutated: eight containers, the codecs people meet in them.

Made from the posed respondents, so that a mutated file that is still read goes through
detection, cutting out and writing as well. The same libraries write the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from include.made_media import posed_faces

SIZE_PX = (176, 144)
"""CIF's quarter: H.263 knows few sizes."""
RATE_HZ = 10
SECONDS = 2
_SOUND_HZ = 48_000
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@dataclass(frozen=True, slots=True)
class Track:
    """One way to code the picture: encoder, options, and the sound beside it (None: silent)."""

    encoder: str
    sound: str | None = None
    pix_fmt: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Container:
    """One container as the mutation run names it.

    Attributes:
        suffix: Of the file's name.
        muxer: FFmpeg's name of the writer.
        tracks: What is written into it, a sound recording for each.
        marks: What its structures start with; fields near them are changed.
        muxer_options: Options of the writer.
    """

    suffix: str
    muxer: str
    tracks: Sequence[Track]
    marks: Sequence[bytes]
    muxer_options: Mapping[str, str] = field(default_factory=dict)


# Without mbtree: with it the bytes of the same pictures differ now and then (x264 165, one thread).
_H264 = {"preset": "veryfast", "g": "8", "bf": "2", "x264-params": "mbtree=0"}
_X265 = {"preset": "ultrafast", "x265-params": "keyint=8:log-level=none:pools=1:frame-threads=1"}
# One thread, as everywhere here: with more the bytes depend on how they are scheduled.
_AV1 = {"preset": "10", "g": "8", "svtav1-params": "lp=1"}
_VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "8"}
_BOXES = (
    *(b"ftyp", b"moov", b"mvhd", b"trak", b"tkhd", b"edts", b"elst", b"mdhd", b"hdlr", b"stsd"),
    *(b"avcC", b"hvcC", b"av1C", b"esds", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"stss"),
    *(b"moof", b"mfhd", b"tfhd", b"tfdt", b"trun", b"mdat", b"mfra", b"trex", b"sidx"),
)
_ELEMENTS = (
    *(b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66"),
    *(b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75", b"\x1c\x53\xbb\x6b", b"\x2a\xd7\xb1"),
    *(b"\xa3\x41", b"\xa3\x42", b"\xa0\x41", b"\x63\xa2", b"\xb0\x81", b"\xba\x81", b"\xe7\x82"),
)
_CHUNKS = (b"RIFF", b"LIST", b"avih", b"strh", b"strf", b"00dc", b"01wb", b"idx1", b"JUNK")

CONTAINERS: Mapping[str, Container] = {
    "MP4": Container(
        ".mp4",
        "mp4",
        (
            Track("libx264", "aac", options=_H264),
            Track("libx265", options=_X265),
            Track("libsvtav1", options=_AV1),
        ),
        _BOXES,
    ),
    "fragmented MP4": Container(
        ".mp4",
        "mp4",
        (Track("libx264", "aac", options=_H264), Track("libvpx-vp9", options=_VP9)),
        _BOXES,
        _FRAGMENTS,
    ),
    "MOV": Container(
        ".mov",
        "mov",
        (
            Track("mjpeg", "pcm_s16le", pix_fmt="yuvj420p"),
            Track("prores", pix_fmt="yuv422p10le"),
            Track("libx264", "aac", options=_H264),
        ),
        _BOXES,
    ),
    "3GP": Container(
        ".3gp", "3gp", (Track("h263", options={"g": "8"}), Track("mpeg4", "aac")), _BOXES
    ),
    "Matroska": Container(
        ".mkv",
        "matroska",
        (
            Track("libx264", "libopus", options=_H264),
            Track("libx265", options=_X265),
            Track("mpeg4", "libmp3lame"),
        ),
        _ELEMENTS,
    ),
    "WebM": Container(
        ".webm",
        "webm",
        (Track("libvpx", "libopus", options=_VP9), Track("libvpx-vp9", options=_VP9)),
        _ELEMENTS,
    ),
    "AVI": Container(
        ".avi",
        "avi",
        (Track("mpeg4", "libmp3lame"), Track("mjpeg", pix_fmt="yuvj420p")),
        _CHUNKS,
    ),
    "MPEG-TS": Container(
        ".ts",
        "mpegts",
        (Track("libx264", "aac", options=_H264), Track("mpeg2video", options={"g": "8"})),
        (b"\x47\x40", b"\x47\x41", b"\x47\x01", b"\x00\x00\x01\xe0", b"\x00\x00\x01\xc0"),
    ),
}
"""By the name that the table shows."""


@cache
def _pictures() -> tuple[np.ndarray, ...]:
    return tuple(
        posed_faces.frames(
            "fuzz",
            ("happiness", "sadness"),
            seconds_each=SECONDS // 2,
            rate_hz=RATE_HZ,
            size=SIZE_PX,
            lighting=posed_faces.Lighting(),
        )
    )


def sound_recordings(name: str, folder: Path) -> list[bytes]:
    """Return the sound recordings of a container; `folder` is as empty afterwards as before.

    Args:
        name: A key of `CONTAINERS`.
        folder: Where they are written for a moment.
    """
    os.environ.setdefault("SVT_LOG", "1")  # Errors only: it prints its settings otherwise.
    container = CONTAINERS[name]
    recordings = []
    for number, track in enumerate(container.tracks):
        path = folder / f"sound-{number}{container.suffix}"
        with _scheduled_as_before():
            _write(path, container, track)
        recordings.append(path.read_bytes())
        path.unlink()
    return recordings


@contextmanager
def _scheduled_as_before() -> Iterator[None]:
    """Leave the thread's scheduling as it is: SVT-AV1 makes it a real-time one where it may.

    See `findings/pyav-av1-encoder-turns-thread-real-time.sh`.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def _write(path: Path, container: Container, track: Track) -> None:
    options = {"fflags": "+bitexact", **container.muxer_options}
    with av.open(str(path), "w", format=container.muxer, options=options) as output:
        video = output.add_stream(track.encoder, rate=RATE_HZ, options=dict(track.options))
        video.width, video.height = SIZE_PX
        video.pix_fmt = track.pix_fmt
        video.codec_context.thread_count = 1
        sound = None
        if track.sound:
            sound = output.add_stream(track.sound, rate=_SOUND_HZ, layout="mono")
        for index, picture in enumerate(_pictures()):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, RATE_HZ)
            output.mux(video.encode(frame))
            if sound is not None:
                output.mux(sound.encode(_tone(index)))
        output.mux(video.encode())
        if sound is not None:
            output.mux(sound.encode())


def _tone(index: int) -> av.AudioFrame:
    """The sound of one picture's time: 220 Hz."""
    count = _SOUND_HZ // RATE_HZ
    times_s = (index * count + np.arange(count)) / _SOUND_HZ
    samples = (8000 * np.sin(2 * np.pi * 220 * times_s)).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts = _SOUND_HZ, index * count
    frame.time_base = Fraction(1, _SOUND_HZ)
    return frame
