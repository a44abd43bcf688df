"""What is refused before it is decoded, and with which words."""

from __future__ import annotations

import socket
from pathlib import Path

import av
import pytest

from include.contracts.containers import (
    AVI,
    MATROSKA,
    MP4,
    MPEG_TS,
    Container,
    Foreign,
    kind_of,
)
from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode
from include.settings import LimitSettings
from include.video.probe import probe_file
from include.video.refusals import readable
from tests.media import make_media

LIMITS = LimitSettings()


def refused(
    path: Path, name: str = "clip.mp4", limits: LimitSettings = LIMITS
) -> PermanentInputError:
    with pytest.raises(PermanentInputError) as error:
        probe_file(path, name, limits)
    return error.value


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("zero-bytes.mp4", QuarantineCode.EMPTY_FILE),
        ("text.mp4", QuarantineCode.NOT_A_VIDEO),
        ("image.mp4", QuarantineCode.NOT_A_VIDEO),
        ("hls.mp4", QuarantineCode.NOT_A_VIDEO),
        ("concat.mp4", QuarantineCode.NOT_A_VIDEO),
        ("playlist-behind-magic.mp4", QuarantineCode.TRUNCATED),
        ("truncated.mp4", QuarantineCode.TRUNCATED),
        ("audio-only.mp4", QuarantineCode.NO_VIDEO_STREAM),
        ("one-pixel.mp4", QuarantineCode.TOO_SMALL),
        ("wide-header.mp4", QuarantineCode.TOO_MANY_PIXELS),
        ("wide-picture.mkv", QuarantineCode.TOO_MANY_PIXELS),
        ("nothing-decodable.mp4", QuarantineCode.UNDECODABLE),
    ],
)
def test_bad_input_is_refused(name: str, code: QuarantineCode, media: dict[str, Path]) -> None:
    error = refused(media[name], name)
    assert error.code == code
    assert f'"{name}"' in error.sentence
    assert error.remedy


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_size_bytes": 1000}, QuarantineCode.TOO_LARGE),
        ({"max_duration_s": 1.0}, QuarantineCode.TOO_LONG),
        ({"max_frames": 10}, QuarantineCode.TOO_MANY_FRAMES),
        ({"max_pixels": 10_000}, QuarantineCode.TOO_MANY_PIXELS),
        ({"min_side_px": 400}, QuarantineCode.TOO_SMALL),
    ],
)
def test_limits_are_settings(
    limits: dict[str, float], code: QuarantineCode, media: dict[str, Path]
) -> None:
    error = refused(media["two-people.mp4"], limits=LimitSettings(**limits))
    assert error.code == code


def test_a_playlist_reads_no_file_and_opens_no_socket(tmp_path: Path) -> None:
    good = make_media.good_video(tmp_path / "good.mp4")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/segment.ts"
        for index, target in enumerate((url, f"file://{good}", str(good))):
            for make in (
                make_media.hls_playlist,
                make_media.concat_playlist,
                make_media.playlist_behind_magic,
            ):
                path = make(tmp_path / f"{make.__name__}-{index}.mp4", target)
                assert refused(path).code in (QuarantineCode.NOT_A_VIDEO, QuarantineCode.TRUNCATED)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_matroska_file_that_is_a_playlist_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    path.write_bytes(b"\x1a\x45\xdf\xa3" + b"\n#EXTM3U\n#EXTINF:1,\n/etc/passwd\n" * 20)
    assert refused(path).code == QuarantineCode.UNDECODABLE


def test_a_good_video_is_described(media: dict[str, Path]) -> None:
    report = probe_file(media["two-people.mp4"], "clip.mp4", LIMITS)
    assert (report.container, report.codec) == ("mov", "h264")
    assert (report.width_px, report.height_px, report.rotation_deg) == (480, 270, 0)
    assert report.duration_s == pytest.approx(5.0)
    assert report.frame_count_estimate == 50
    assert report.average_rate == pytest.approx(10.0)
    assert report.size_bytes == media["two-people.mp4"].stat().st_size
    assert report.confined


@pytest.mark.parametrize(
    ("name", "start_s", "rotation_deg"),
    [
        ("late-start.ts", 5.0, 0),
        ("rotated-phone.mp4", 0.0, 90),
        ("variable-rate.mp4", 0.0, 0),
        ("zero-rate.avi", 0.0, 0),
        ("no-face.mp4", 0.0, 0),
    ],
)
def test_unusual_videos_pass(
    name: str, start_s: float, rotation_deg: int, media: dict[str, Path]
) -> None:
    report = probe_file(media[name], name, LIMITS)
    assert report.start_s == pytest.approx(start_s)
    assert report.rotation_deg == rotation_deg
    assert report.duration_s > 1


def test_a_header_without_length_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    pictures = make_media.face_pictures(30)
    make_media.encode(path, pictures, codec="libvpx", rate=10, container_options={"live": "1"})
    report = probe_file(path, "live.webm", LIMITS)
    assert report.duration_s == pytest.approx(3.0, abs=0.15)


def test_a_file_that_still_grows_is_truncated(tmp_path: Path) -> None:
    data = make_media.good_video(tmp_path / "whole.mp4").read_bytes()
    with make_media.growing_file(tmp_path / "clip.mp4", data, every_s=0.3) as path:
        while not path.exists() or path.stat().st_size < len(data) // 3:
            pass
        assert refused(path).code == QuarantineCode.TRUNCATED


@pytest.mark.parametrize("suffix", ["avi", "mov", "mkv", "mp4"])
@pytest.mark.parametrize("encoding", ["latin-1", "shift-jis"])
def test_a_title_in_an_older_encoding_is_no_fault(
    suffix: str, encoding: str, tmp_path: Path
) -> None:
    title = {"latin-1": "Gesicht für Größe", "shift-jis": "表情"}[encoding]
    pictures = make_media.face_pictures(20)
    good = make_media.encode(tmp_path / "good.mp4", pictures, codec="mpeg4", rate=10)
    path = tmp_path / f"clip.{suffix}"
    with (
        av.open(str(good)) as source,
        av.open(str(path), "w", metadata_encoding=encoding) as output,
    ):
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        output.metadata["title"] = title
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                output.mux(packet)
    assert title.encode(encoding) in path.read_bytes()
    assert probe_file(path, path.name, LIMITS).duration_s == pytest.approx(2.0, abs=0.1)


def test_names_are_quoted_on_one_line() -> None:
    assert readable("../\u00e9t\u00e9\n\x1b[31m.mp4") == '"../\u00e9t\u00e9\ufffd\ufffd[31m.mp4"'


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypisom", MP4),
        (b"\0\0\0\x08wide\0\0\0\0mdat", MP4),
        (b"\x1a\x45\xdf\xa3\0\0", MATROSKA),
        (b"RIFF\0\0\0\0AVI LIST", AVI),
        ((b"\x47" + b"\0" * 187) * 10, MPEG_TS),
        (b"\0\0\0\0" + (b"\x47" + b"\0" * 191) * 10, MPEG_TS),
        (b"\0\0\0\x20ftypheic", "a picture (HEIC or AVIF)"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a picture (WebP)"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a sound recording (WAV)"),
        (b"GGGG is how this text starts", "a text"),
        (b"FLV\x01\x05", "a Flash video (FLV)"),
        (b"\xfe\xed\xfe\xed", None),
        (b"", None),
    ],
)
def test_the_first_bytes_decide(head: bytes, kind: Container | str | None) -> None:
    found = kind_of(head)
    assert (found.what if isinstance(found, Foreign) else found) == kind
