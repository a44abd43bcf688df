"""Recordings that are odd but sound: what cameras, editors and tools write and tests forget."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.recordings.ffmpeg import run
from benchmarks.recordings.master import AS_RECORDED

Maker = Callable[[Path, Path], bool]
"""Writes the second path from the master; False where FFmpeg does not."""

_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-c:a", "aac")
_PCM = ("-c:a", "pcm_s16le")
_LOG = "log-level=none"


@dataclass(frozen=True, slots=True)
class Odd:
    """How one is made, and what is in it, as the page says it."""

    make: Maker
    container: str
    what: str
    right: str = AS_RECORDED
    """What reading it must say."""


def _coded(container: str, *arguments: str, before: tuple[str, ...] = ()) -> Maker:
    return lambda master, path: run(*before, "-i", master, *arguments, "-f", container, path)


def _again(container: str, *arguments: str, before: tuple[str, ...] = ()) -> Maker:
    """First H.264 in MP4 with a key frame each second, then its packets once more."""

    def make(master: Path, path: Path) -> bool:
        first = path.with_suffix(".first.mp4")
        done = run("-i", master, *_X264, "-g", "25", first) and run(
            *before, "-i", first, "-c", "copy", *arguments, "-f", container, path
        )
        first.unlink(missing_ok=True)
        return done

    return make


_MATRICES: Mapping[str, tuple[str, tuple[int, int, int, int]]] = {
    "turned by 90 degrees": ("transpose=2", (0, 1, -1, 0)),
    "turned by 180 degrees": ("hflip,vflip", (-1, 0, 0, -1)),
    "turned by 270 degrees": ("transpose=1", (0, -1, 1, 0)),
    "mirrored left to right": ("hflip", (-1, 0, 0, 1)),
    "mirrored top to bottom": ("vflip", (1, 0, 0, -1)),
    "turned by 90 degrees and mirrored": ("transpose=0", (0, 1, 1, 0)),
    "turned by 270 degrees and mirrored": ("transpose=3", (0, -1, -1, 0)),
}
"""How the picture is stored (FFmpeg's filter), and the matrix (a b c d) that shows it upright."""


def _matrix(filters: str, matrix: tuple[int, int, int, int]) -> Maker:
    def make(master: Path, path: Path) -> bool:
        if not run("-i", master, "-vf", filters, *_X264, "-f", "mp4", path):
            return False
        data = bytearray(path.read_bytes())
        # The first track is the picture's; version 0 of its header has the matrix at byte 48.
        at = data.index(b"tkhd") + 4 + 40
        a, b, c, d = (value << 16 for value in matrix)
        data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(data)
        return True

    return make


def _two_pictures(master: Path, path: Path) -> bool:
    """A webcam, the default, and a larger screen without a face."""
    return run(
        *("-i", master, "-f", "lavfi", "-i", "color=gray:s=640x480:r=25:d=4"),
        *("-map", "0:v", "-map", "1:v", "-map", "0:a", *_X264, "-disposition:v:0", "default"),
        *("-disposition:v:1", "0", "-f", "matroska", path),
    )


def _cover(master: Path, path: Path) -> bool:
    picture = path.with_suffix(".png")
    done = run("-f", "lavfi", "-i", "color=red:s=600x600", "-frames:v", "1", picture) and run(
        *("-i", master, "-i", picture, "-map", "0", "-map", "1", *_X264, "-c:v:1", "png"),
        *("-disposition:v:1", "attached_pic", "-f", "mp4", path),
    )
    picture.unlink(missing_ok=True)
    return done


def _joined(master: Path, path: Path) -> bool:
    """Two parts of a transport stream, of two seconds each: the clock starts again."""
    parts = [path.with_suffix(f".{part}.ts") for part in (0, 2)]
    done = all(
        run("-ss", str(2 * at), "-t", "2", "-i", master, *_X264, "-f", "mpegts", part)
        for at, part in enumerate(parts)
    )
    if done:
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink(missing_ok=True)
    return done


_VARIABLE = "select='not(mod(n,3))+lt(mod(n,7),2)',setpts=PTS"

ODD: Mapping[str, Odd] = {
    "variable frame rate": Odd(
        _coded("mp4", "-vf", _VARIABLE, "-vsync", "vfr", *_X264), "MP4", "H.264"
    ),
    **{name: Odd(_matrix(*how), "MP4", "H.264, display matrix") for name, how in _MATRICES.items()},
    **{
        f"pixels of {ratio}": Odd(
            _coded("mp4", "-vf", f"scale=trunc(iw*{down}/{up}/2)*2:ih,setsar={up}/{down}", *_X264),
            "MP4",
            "H.264, sample aspect ratio",
        )
        for ratio, up, down in (("4:3", 4, 3), ("16:11", 16, 11), ("64:45", 64, 45), ("2:1", 2, 1))
    },
    "10 bit, HDR (PQ, BT.2020)": Odd(
        _coded(
            *("mp4", "-pix_fmt", "yuv420p10le", *_X265, "-tag:v", "hvc1", "-x265-params"),
            f"{_LOG}:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
        ),
        "MP4",
        "HEVC Main 10",
    ),
    "10 bit": Odd(_coded("mp4", *_X264, "-pix_fmt", "yuv420p10le"), "MP4", "H.264 High 10"),
    "colour 4:2:2": Odd(_coded("mov", *_X264, "-pix_fmt", "yuv422p"), "MOV", "H.264 High 4:2:2"),
    "colour 4:4:4": Odd(_coded("mp4", *_X264, "-pix_fmt", "yuv444p"), "MP4", "H.264 High 4:4:4"),
    "grey": Odd(_coded("mp4", *_X264, "-pix_fmt", "gray"), "MP4", "H.264 monochrome"),
    "full range": Odd(
        _coded("mp4", *_X264, "-pix_fmt", "yuvj420p", "-color_range", "pc"), "MP4", "H.264"
    ),
    "interlaced": Odd(_coded("mpegts", *_X264, "-flags", "+ilme+ildct"), "MPEG-TS", "H.264"),
    "interlaced, MPEG-2": Odd(
        _coded("mpegts", "-c:v", "mpeg2video", "-q:v", "3", "-flags", "+ilme+ildct", "-c:a", "mp2"),
        "MPEG-TS",
        "MPEG-2",
    ),
    "open groups of pictures": Odd(
        _coded("mp4", *_X264, "-x264-params", "open-gop=1:keyint=20:bframes=4:scenecut=0"),
        "MP4",
        "H.264",
    ),
    "one key frame": Odd(_coded("mp4", *_X264, "-g", "9999", "-sc_threshold", "0"), "MP4", "H.264"),
    "refresh without key frames": Odd(
        _coded("mp4", *_X264, "-x264-params", "intra-refresh=1:keyint=25:bframes=0"),
        "MP4",
        "H.264",
    ),
    "parameter sets in the header": Odd(
        _coded("mp4", *_X265, "-tag:v", "hvc1", "-x265-params", _LOG), "MP4", "HEVC hvc1"
    ),
    "parameter sets in the stream": Odd(
        _coded("mp4", *_X265, "-tag:v", "hev1", "-x265-params", _LOG), "MP4", "HEVC hev1"
    ),
    "ProRes 4444": Odd(
        _coded("mov", "-c:v", "prores_ks", "-profile:v", "4444", *_PCM),
        "MOV",
        "ProRes",
    ),
    "uncompressed sound, index first": Odd(
        _coded("mov", *_X264[:-2], *_PCM, "-movflags", "+faststart"), "MOV", "H.264"
    ),
    "starts at an hour": Odd(_again("mpegts", "-output_ts_offset", "3600"), "MPEG-TS", "H.264"),
    "times below zero": Odd(
        _again("matroska", "-output_ts_offset", "-2", "-avoid_negative_ts", "disabled"),
        "Matroska",
        "H.264",
    ),
    "a cut without coding again (edit list)": Odd(
        _again("mp4", "-avoid_negative_ts", "disabled", before=("-ss", "0.5")),
        "MP4",
        "H.264, its first half second hidden",
        AS_RECORDED[1:],
    ),
    "two parts joined, the clock starts again": Odd(
        _joined, "MPEG-TS", "H.264; the first moment behind the seam is left out"
    ),
    "webcam and a larger screen": Odd(_two_pictures, "Matroska", "H.264 twice"),
    "cover picture": Odd(_cover, "MP4", "H.264, PNG"),
    "title in Latin-1": Odd(
        _coded("avi", "-c:v", "mpeg4", "-q:v", "3", *_PCM, "-metadata", "title=Gesicht f\udcfcr"),
        "AVI",
        "MPEG-4 part 2",
    ),
    "no sound": Odd(_coded("mp4", "-an", *_X264[:-2]), "MP4", "H.264"),
    "sound alone": Odd(_coded("mp4", "-vn", "-c:a", "aac"), "MP4", "AAC"),
    "DV (camcorder tape)": Odd(
        _coded("avi", "-c:v", "dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p", *_PCM),
        "AVI",
        "DV",
    ),
    "index missing (recorder lost power)": Odd(
        lambda master, path: run("-i", master, *_X264, "-f", "mp4", path) and _no_index(path),
        "MP4",
        "H.264",
    ),
}
"""By what the page calls them."""


def _no_index(path: Path) -> bool:
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") - 4])
    return True
