"""Every container that FFmpeg writes and people meet, with every codec it takes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from include.contracts.errors import PlatformError

_TIMEOUT_S = 120

CODECS: Mapping[str, tuple[str, ...]] = {
    "H.264": ("libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"),
    "HEVC": ("libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
    "AV1": ("libaom-av1", "-cpu-used", "8", "-usage", "realtime"),
    "VP8": ("libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"),
    "VP9": ("libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"),
    "MPEG-4 part 2": ("mpeg4", "-q:v", "3"),
    "MPEG-2": ("mpeg2video", "-q:v", "3"),
    "H.263": ("h263", "-q:v", "3"),
    "MJPEG": ("mjpeg", "-q:v", "3"),
    "ProRes": ("prores",),
    "DV": ("dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p"),
    "FFV1": ("ffv1",),
    "Huffyuv": ("huffyuv",),
    "uncompressed": ("rawvideo", "-pix_fmt", "yuv420p"),
    "MS-MPEG-4 v2": ("msmpeg4v2", "-q:v", "3"),
    "WMV 8": ("wmv2", "-q:v", "3"),
    "Theora": ("libtheora", "-q:v", "7"),
}
"""Encoder and its options, by what the page calls the codec."""

READ_CONTAINERS: Mapping[str, tuple[str, ...]] = {
    "MP4": ("mp4", "aac"),
    "fragmented MP4": ("mp4", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "MOV": ("mov", "aac"),
    "M4V": ("ipod", "aac"),
    "3GP": ("3gp", "aac"),
    "Matroska": ("matroska", "libopus"),
    "WebM": ("webm", "libopus"),
    # Not MP3: its encoder starts late, and FFmpeg then repeats a picture, AVI having no times.
    "AVI": ("avi", "pcm_s16le"),
    "MPEG-TS": ("mpegts", "aac"),
    "M2TS": ("mpegts", "aac", "-mpegts_m2ts_mode", "1"),
}
"""Muxer, encoder of the sound and options, by what the page calls the container."""

_TAGS: Mapping[tuple[str, str], str] = {("AVI", "HEVC"): "HEVC"}
"""What FFmpeg leaves empty unless told, so that it cannot read its own file."""

REFUSED_CONTAINERS: Mapping[str, tuple[str, str, str]] = {
    "Flash video": ("flv", "H.264", "aac"),
    "MPEG program stream": ("mpeg", "MPEG-2", "mp2"),
    "DVD video object": ("vob", "MPEG-2", "mp2"),
    "Windows Media": ("asf", "WMV 8", "wmav2"),
    "Ogg": ("ogg", "Theora", "libopus"),
    "MXF": ("mxf", "MPEG-2", "pcm_s16le"),
    "DV stream": ("dv", "DV", ""),
    "RealMedia": ("rm", "", "ac3"),
    "NUT": ("nut", "H.264", "libmp3lame"),
    "Windows TV": ("wtv", "MPEG-2", "mp2"),
    "IVF": ("ivf", "VP9", ""),
    "bare H.264": ("h264", "H.264", ""),
    "bare HEVC": ("hevc", "HEVC", ""),
    "YUV4MPEG": ("yuv4mpegpipe", "", ""),
    "GIF": ("gif", "", ""),
    "animated PNG": ("apng", "", ""),
    "Motion JPEG stream": ("mjpeg", "MJPEG", ""),
    "sound (WAV)": ("wav", "-", "pcm_s16le"),
    "sound (MP3)": ("mp3", "-", "libmp3lame"),
}
"""Muxer, codec of `CODECS` ("": the muxer's own, "-": no picture), sound ("": none)."""


def ffmpeg_path() -> str:
    """Return the path of FFmpeg.

    Raises:
        PlatformError: There is none.
    """
    path = shutil.which("ffmpeg")
    if path is None:
        raise PlatformError("ffmpeg is not on the PATH; install it (Debian: apt install ffmpeg)")
    return path


def version() -> str:
    """Return what FFmpeg calls itself, without its build's details."""
    done = subprocess.run([ffmpeg_path(), "-version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0].split(" Copyright")[0].removeprefix("ffmpeg version ")


def run(*arguments: str | Path) -> bool:
    """Run FFmpeg; return whether it wrote what it was asked for."""
    command = [ffmpeg_path(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
    return done.returncode == 0


def write_read(master: Path, container: str, codec: str, path: Path) -> bool:
    """Write one of `READ_CONTAINERS` with one of `CODECS`; False where FFmpeg does not."""
    muxer, sound, *options = READ_CONTAINERS[container]
    encoder, *coding = CODECS[codec]
    tag = _TAGS.get((container, codec))
    picture = ("-c:v", encoder, *coding, *(("-tag:v", tag) if tag else ()))
    return run("-i", master, *picture, "-c:a", sound, *options, "-f", muxer, path)


def reads_back(path: Path) -> bool:
    """Return whether FFmpeg itself decodes a picture of a file that it wrote."""
    return run("-i", path, "-map", "0:v", "-frames:v", "1", "-f", "null", "-")


def write_refused(master: Path, container: str, path: Path) -> bool:
    """Write one of `REFUSED_CONTAINERS`; False where FFmpeg does not."""
    muxer, codec, sound = REFUSED_CONTAINERS[container]
    picture: list[str] = ["-vn"] if codec == "-" else []
    if codec in CODECS:
        encoder, *coding = CODECS[codec]
        picture = ["-c:v", encoder, *coding]
    return run("-i", master, *picture, *(["-c:a", sound] if sound else ["-an"]), "-f", muxer, path)
