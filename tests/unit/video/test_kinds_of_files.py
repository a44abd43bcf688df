"""What is not read is called by its name, and the way to a recording that is read works."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import av
import pytest

from include.contracts.containers import (
    CONTAINERS,
    SNIFFED_BYTES,
    Container,
    Foreign,
    accepted,
    container_of,
    kind_of,
)
from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode
from include.made_media.demo_video import make_demo_video
from include.pipeline.folder import is_named_like_a_video
from include.settings import LimitSettings
from include.video.probe import probe_file
from include.video.refusals import conversion

LIMITS = LimitSettings()
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg here")
SECONDS = 2.0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("foreign") / "source.mp4"
    make_demo_video(path, seconds=SECONDS, size=(320, 180), rate=25)
    return path


def made(source: Path, path: Path, options: str) -> Path:
    command = ["ffmpeg", "-v", "error", "-i", str(source), *options.split(), str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def refused(path: Path) -> PermanentInputError:
    with pytest.raises(PermanentInputError) as caught:
        probe_file(path, path.name, LIMITS)
    return caught.value


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a.flv", "-c:v flv1", "a Flash video (FLV)"),
        ("b.flv", "-c:v libx264", "a Flash video (FLV)"),
        ("a.mpg", "-c:v mpeg2video", "an MPEG programme stream"),
        ("a.vob", "-c:v mpeg2video", "an MPEG programme stream"),
        ("a.m2v", "-c:v mpeg2video", "an MPEG video stream"),
        ("a.wmv", "-c:v wmv2", "a Windows Media file"),
        ("a.asf", "-c:v mpeg4", "a Windows Media file"),
        ("a.ogv", "-c:v libtheora", "an Ogg file"),
        ("a.mxf", "-c:v mpeg2video", "an MXF file"),
        ("a.dv", "-target pal-dv", "a DV file"),
        ("b.dv", "-target ntsc-dv", "a DV file"),
        ("odd (1).gif", "-vf scale=321:181", "a GIF"),
        ("a.nut", "-c:v mpeg4", "a NUT file"),
        ("a.ivf", "-c:v libvpx", "an IVF file"),
        ("a.wtv", "-c:v mpeg2video", "a recorded TV show"),
        ("a.y4m", "-pix_fmt yuv420p", "an uncompressed YUV4MPEG file"),
    ],
)
def test_a_container_that_is_not_read_is_named_and_its_conversion_is_read(
    source: Path, tmp_path: Path, name: str, options: str, said: str
) -> None:
    error = refused(made(source, tmp_path / name, options))
    assert error.code == QuarantineCode.UNSUPPORTED_CONTAINER
    assert error.sentence.startswith(f'"{name}" is {said}')
    command = re.search(r"ffmpeg .*?\.mp4\"", error.remedy)
    assert command is not None
    subprocess.run(f"{command[0]} -v error", shell=True, cwd=tmp_path, check=True, timeout=60)
    report = probe_file(tmp_path / Path(name).with_suffix(".mp4").name, "out.mp4", LIMITS)
    assert report.duration_s == pytest.approx(SECONDS, abs=0.15)


@needs_ffmpeg
@pytest.mark.parametrize(("name", "codec"), [("a.h264", "libx264"), ("a.hevc", "libx265")])
def test_a_stream_without_times_is_no_recording(
    source: Path, tmp_path: Path, name: str, codec: str
) -> None:
    error = refused(made(source, tmp_path / name, f"-c:v {codec}"))
    assert error.code == QuarantineCode.UNSUPPORTED_CONTAINER
    assert "it says of no picture when it was taken" in error.sentence
    assert "Let the recorder write MP4 or Matroska" in error.remedy


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a.jpg", "-frames:v 1", "a picture (JPEG)"),
        ("a.png", "-frames:v 1", "a picture (PNG)"),
        ("a.webp", "-frames:v 1", "a picture (WebP)"),
        ("a.bmp", "-frames:v 1", "a picture (BMP)"),
        ("a.tiff", "-frames:v 1", "a picture (TIFF"),
        ("a.wav", "-f lavfi -i sine=d=1 -map 1", "a sound recording (WAV)"),
        ("a.mp3", "-f lavfi -i sine=d=1 -map 1", "a sound recording (MP3)"),
        ("b.mp3", "-f lavfi -i sine=d=1 -map 1 -id3v2_version 0", "a sound recording (MP3)"),
        ("a.aac", "-f lavfi -i sine=d=1 -map 1", "a sound recording (AAC)"),
        ("a.flac", "-f lavfi -i sine=d=1 -map 1", "a sound recording (FLAC)"),
        ("a.aiff", "-f lavfi -i sine=d=1 -map 1", "a sound recording (AIFF)"),
    ],
)
def test_what_is_no_video_is_named_too(
    source: Path, tmp_path: Path, name: str, options: str, said: str
) -> None:
    path = made(source, tmp_path / name, options).rename(tmp_path / "clip.mp4")
    error = refused(path)
    assert error.code == QuarantineCode.NOT_A_VIDEO
    assert error.sentence.startswith(f'"clip.mp4" is not a video file: it is {said}')


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"PK\x03\x04\x14\0\x06\0", "a ZIP archive or an Office document"),
        (b"Dear respondent,\r\n\tthank you \xe2\x82\xac", "a text"),
        ("Gespr\u00e4ch".encode()[:-7], "a text"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"#EXTM3U\n#EXT-X-VERSION:3", "a playlist (M3U8)"),
    ],
)
def test_documents_are_known(head: bytes, what: str) -> None:
    kind = kind_of(head)
    assert isinstance(kind, Foreign)
    assert kind.what == what


def test_what_is_nothing_known_is_not_guessed() -> None:
    for head in (bytes(range(256)), b"\0" * 2048, b"\xfe\xfe\xfe\xfe", b"MZ\x90\0\x03"):
        assert kind_of(head) is None


@pytest.mark.parametrize(
    "name", ["$(touch x).flv", 'a".flv', "-i.flv", "a`b`.flv", "a\nb.flv", "a!b.flv", "a\\b.flv"]
)
def test_a_name_that_a_shell_would_read_is_not_put_into_a_command(name: str) -> None:
    assert conversion(name).startswith('ffmpeg -i "INPUT" ')
    assert conversion(name).endswith('"OUTPUT.mp4"')


@needs_ffmpeg
@pytest.mark.parametrize("kind", CONTAINERS, ids=lambda kind: kind.demuxer)
def test_a_container_is_known_to_ffmpeg_by_the_names_in_its_row(
    source: Path, tmp_path: Path, kind: Container
) -> None:
    path = made(source, tmp_path / f"a.{kind.endings[0]}", "-c:v mpeg4")
    assert kind_of(path.read_bytes()[:SNIFFED_BYTES]) is kind
    with av.open(str(path)) as opened:
        assert container_of(opened.format.name) is kind
    assert kind.name in accepted()


@pytest.mark.parametrize(
    ("name", "is_video_name"),
    [("a.MP4", True), ("b.flv", True), ("c.m2ts", True), ("mp4", False), ("d.jpg", False)],
)
def test_endings_tell_what_is_tried_as_a_recording(name: str, is_video_name: bool) -> None:
    assert is_named_like_a_video(PurePosixPath(name)) is is_video_name
