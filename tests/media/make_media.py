"""Makes the recordings that tests need, good and bad, from nothing but installed packages.

    python -m tests.media.make_media FOLDER

writes one of each (`make_all`). Single makers are importable; they all take the
path to write first and return it.
"""

from __future__ import annotations

import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.bitstream import BitStreamFilterContext

Image = npt.NDArray[np.uint8]


# --- Pictures -------------------------------------------------------------------------


@lru_cache
def astronaut() -> Image:
    """The portrait that scikit-image ships, BGR 512x512, one smiling face."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[..., ::-1])


@lru_cache
def head(*, second_person: bool = False) -> Image:
    """The head of the portrait, 200x180 BGR; the second person is mirrored, darker, dark-haired."""
    cut = np.ascontiguousarray(astronaut()[15:215, 135:315])
    if not second_person:
        return cut
    cut = cut[:, ::-1]
    tinted = cut.astype(np.float32) * np.array([0.45, 0.55, 0.8])
    # Dark hair and a beard change what a face looks like, not whether it is found.
    tinted[:62] *= 0.35
    tinted[140:175, 60:125] *= 0.6
    return np.ascontiguousarray(np.clip(tinted, 0, 255).astype(np.uint8))


def paste(picture: Image, patch: Image, centre: tuple[float, float], height: float) -> None:
    """Put `patch`, scaled to `height` pixels, on `picture` in place; cut at the border."""
    scale = height / patch.shape[0]
    small = cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left, top = round(centre[0] - small.shape[1] / 2), round(centre[1] - small.shape[0] / 2)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = (
        min(picture.shape[1], left + small.shape[1]),
        min(picture.shape[0], top + small.shape[0]),
    )
    if x0 < x1 and y0 < y1:
        picture[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left]


def texture(size: tuple[int, int], seed: int = 0) -> Image:
    """A soft random backdrop of width x height without anything like a face."""
    return _texture(size, seed).copy()


@lru_cache
def _texture(size: tuple[int, int], seed: int) -> Image:
    coarse = np.random.default_rng(seed).integers(40, 200, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def moving_texture(count: int, size: tuple[int, int] = (160, 96), seed: int = 0) -> list[Image]:
    """A backdrop that shifts by two pixels a frame, with detail: every frame differs."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    base = cv2.GaussianBlur(base, (0, 0), 1.2)
    return [np.roll(base, 2 * index, axis=1) for index in range(count)]


def face_pictures(count: int, size: tuple[int, int] = (320, 240), seed: int = 0) -> list[Image]:
    """One face that drifts over a backdrop."""
    pictures = []
    for index in range(count):
        picture = texture(size, seed)
        share = index / max(1, count - 1)
        paste(picture, head(), (size[0] * (0.4 + 0.2 * share), size[1] * 0.5), size[1] * 0.6)
        pictures.append(picture)
    return pictures


# --- Writing --------------------------------------------------------------------------


def encode(
    path: Path,
    pictures: Iterable[Image],
    *,
    codec: str = "libx264",
    rate: int = 25,
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    rotation_deg: int = 0,
    **options: str,
) -> Path:
    """Encode pictures; `pts` counts `time_base` (default: one frame at `rate`)."""
    base = time_base or Fraction(1, rate)
    if codec == "libx264":
        options.setdefault("preset", "veryfast")
    with av.open(str(path), "w", format=container, options=container_options or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.pix_fmt = pix_fmt
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = base
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        for index, picture in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts = index if pts is None else pts[index]
            frame.time_base = base
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def good_video(path: Path, *, seconds: float = 2.0, size: tuple[int, int] = (320, 240)) -> Path:
    """A small H.264 file with one face."""
    return encode(path, face_pictures(round(seconds * 10), size), rate=10)


# --- Bad input ------------------------------------------------------------------------


def zero_bytes(path: Path) -> Path:
    """An empty file."""
    path.write_bytes(b"")
    return path


def text_renamed(path: Path) -> Path:
    """A text that calls itself a video."""
    path.write_text("Dear team,\nplease find the recording attached.\n" * 40)
    return path


def truncated(path: Path) -> Path:
    """An MP4 whose upload broke off: the movie box, at the end, is missing."""
    good_video(path)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") - 4 - 200])
    return path


def audio_only(path: Path) -> Path:
    """An MP4 with AAC sound and no picture."""
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=44100)
        stream.layout = "mono"
        for index in range(40):
            samples = np.sin(np.arange(1024) * 0.06 + index).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, index * 1024
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def image_renamed(path: Path) -> Path:
    """A PNG that calls itself a video."""
    path.write_bytes(cv2.imencode(".png", texture((64, 64)))[1].tobytes())
    return path


def hls_playlist(path: Path, target: str) -> Path:
    """An HLS playlist that refers to `target` (a local file or a URL)."""
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n"
    )
    return path


def concat_playlist(path: Path, target: str) -> Path:
    """An FFmpeg concat script that refers to `target`."""
    path.write_text(f"ffconcat version 1.0\nfile '{target}'\n")
    return path


def playlist_behind_magic(path: Path, target: str) -> Path:
    """A playlist after a fake `ftyp` box: its first bytes claim MP4."""
    playlist = hls_playlist(path, target).read_bytes()
    path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 512) + playlist)
    return path


def one_pixel(path: Path) -> Path:
    """A video of 1x1 pixels."""
    return encode(path, [np.full((1, 1, 3), 90, np.uint8)] * 10, pix_fmt="yuv444p", rate=10)


def wide_header(path: Path, *, width_px: int = 20_000) -> Path:
    """A small MP4 whose track and sample headers declare a width of 20,000 pixels."""
    good_video(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    struct.pack_into(">I", data, at + size - 8, width_px << 16)
    struct.pack_into(">H", data, data.index(b"avc1", data.index(b"stsd")) + 28, width_px)
    path.write_bytes(data)
    return path


def wide_picture(path: Path, *, width_px: int = 20_000) -> Path:
    """A file that really codes one picture 20,000 pixels wide (FFV1 in Matroska)."""
    picture = np.zeros((32, width_px, 3), np.uint8)
    return encode(path, [picture], codec="ffv1", container="matroska")


def zero_rate(path: Path) -> Path:
    """An AVI whose headers state zero frames per second; its frames still have places in time."""
    encode(path, face_pictures(30), codec="mpeg4", rate=10, container="avi")
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"avih") + 8, 0)  # dwMicroSecPerFrame
    header = data.index(b"strh") + 8
    struct.pack_into("<I", data, header + 24, 0)  # dwRate
    path.write_bytes(data)
    return path


def corrupt_middle(path: Path, *, seconds: int = 12) -> Path:
    """An MP4 in good order whose middle third of picture data is overwritten."""
    encode(path, face_pictures(seconds * 10), rate=10, g="10", preset="ultrafast")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0] - 8
    noise = np.random.default_rng(1).integers(0, 255, length // 3, dtype=np.uint8)
    data[start + length // 3 : start + length // 3 + len(noise)] = noise.tobytes()
    path.write_bytes(data)
    return path


def nothing_decodable(path: Path) -> Path:
    """An MP4 in good order whose picture data is all noise."""
    good_video(path)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0] - 8
    data[start : start + length] = b"\xff" * length
    path.write_bytes(data)
    return path


# --- Unusual but usable ---------------------------------------------------------------


def variable_rate(path: Path) -> Path:
    """Frames at irregular times, with a hole of 2.6 s."""
    steps = [40, 30, 90, 10, 200, 33, 33, 400, 20, 60] * 6
    times = np.cumsum([0, *steps])
    times[31:] += 2600
    return encode(path, face_pictures(len(times)), pts=times.tolist(), time_base=Fraction(1, 1000))


def late_start(path: Path, *, start_s: float = 5.0) -> Path:
    """An MPEG-TS whose first frame is not at zero."""
    count = 30
    first = round(start_s * 90_000)
    pts = [first + index * 9000 for index in range(count)]
    return encode(
        path,
        face_pictures(count),
        pts=pts,
        time_base=Fraction(1, 90_000),
        container="mpegts",
        rate=10,
    )


def no_face(path: Path) -> Path:
    """A backdrop, nobody."""
    return encode(path, [texture((320, 240), seed) for seed in (1, 1, 2, 2)] * 8, rate=10)


def two_people(path: Path, *, seconds: int = 5) -> Path:
    """Two faces side by side, each drifting a little."""
    pictures = []
    for index in range(seconds * 10):
        picture, drift = texture((480, 270), 3), 10 * np.sin(index / 8)
        paste(picture, head(), (130 + drift, 135), 150)
        paste(picture, head(second_person=True), (350 - drift, 135), 150)
        pictures.append(picture)
    return encode(path, pictures, rate=10)


def crossing_people(path: Path, *, seconds: int = 10) -> Path:
    """Two faces that change sides, one passing in front of the other."""
    pictures = []
    for index in range(seconds * 10):
        picture, share = texture((640, 270), 3), index / (seconds * 10 - 1)
        paste(picture, head(second_person=True), (540 - 440 * share, 135), 130)
        paste(picture, head(), (100 + 440 * share, 135), 150)
        pictures.append(picture)
    return encode(path, pictures, rate=10)


def rotated_phone(path: Path) -> Path:
    """Stored lying on its side, shown upright by its display matrix, as phones record."""
    upright = face_pictures(20, (240, 320))
    # Shown = stored turned by 90 degrees counter-clockwise.
    stored = [np.ascontiguousarray(np.rot90(picture, -1)) for picture in upright]
    return encode(path, stored, rate=10, rotation_deg=90)


DISPLAY_MATRICES: dict[str, tuple[int, int, int, int]] = {
    "as it is": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (-1, 0, 0, -1),
    "mirrored, upside down": (1, 0, 0, -1),
    "quarter turn right": (0, 1, -1, 0),
    "quarter turn left": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transposed the other way": (0, -1, -1, 0),
}
"""The eight display matrices (a, b, c, d): pixel (p, q) is shown at (a p + c q, b p + d q)."""


LOSSLESS = {"pix_fmt": "yuv444p", "qp": "0"}
"""Nothing but the rounding of colours lies between a picture and what is read of it."""


def stored_for(picture: Image, matrix: tuple[int, int, int, int]) -> Image:
    """The pixels that a display matrix shows as `picture`, straight from its definition."""
    a, b, c, d = matrix
    height, width = picture.shape[:2] if a else picture.shape[1::-1]
    q, p = np.mgrid[:height, :width]
    x, y = a * p + c * q, b * p + d * q
    return np.ascontiguousarray(picture[y - y.min(), x - x.min()])


def laid(path: Path, pictures: Sequence[Image], matrix: tuple[int, int, int, int]) -> Path:
    """An MP4 that shows `pictures` by way of a display matrix."""
    encode(path, [stored_for(picture, matrix) for picture in pictures], rate=10, **LOSSLESS)
    data = bytearray(path.read_bytes())
    box = data.index(b"tkhd") - 4
    end = box + struct.unpack(">I", data[box : box + 4])[0]
    a, b, c, d = (number << 16 for number in matrix)
    # Nine numbers right before width and height; the last one is 2.30, the others 16.16.
    struct.pack_into(">9i", data, end - 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def anamorphic(path: Path, pictures: Sequence[Image], aspect: Fraction) -> Path:
    """A file that shows `pictures` by way of pixels `aspect` times as wide as they are high."""
    height, width = pictures[0].shape[:2]
    if aspect > 1:
        size = (round(width / aspect / 2) * 2, height)
    else:
        size = (width, round(height * aspect / 2) * 2)
    stored = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
    sar = f"sar={aspect.numerator}/{aspect.denominator}"
    return encode(path, stored, rate=10, **LOSSLESS, **{"x264-params": sar})


def coloured(path: Path, pictures: Sequence[Image], *matrices: int) -> Path:
    """A file whose H.264 names one colour matrix after the other (Rec. ITU-T H.273, table 4).

    What is stored is the same for each: only what the stream says of it differs.
    """
    share = len(pictures) // len(matrices)
    plain = encode(
        path.with_suffix(".plain.ts"), pictures, rate=10, **{"x264-params": f"keyint={share}"}
    )
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        stream = source.streams.video[0]
        track = output.add_stream_from_template(stream)
        named = [
            BitStreamFilterContext(f"h264_metadata=matrix_coefficients={matrix}", stream, track)
            for matrix in matrices
        ]
        part = -1
        for packet in source.demux(stream):
            part += packet.is_keyframe
            for renamed in named[part].filter(packet if packet.size else None):
                output.mux(renamed)
    plain.unlink()
    return path


def long_video(path: Path, *, seconds: int = 7200) -> Path:
    """Hours of 25 frames per second with a face, in seconds: ten of them, repeated as packets."""
    template = path.with_name("template.mp4")
    encode(template, face_pictures(250), rate=25, g="250", preset="ultrafast")
    with av.open(str(template)) as source, av.open(str(path), "w") as output:
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        assert stream.duration is not None
        length = stream.duration
        for turn in range(seconds // 10):
            for packet in packets:
                packet.stream = copy
                packet.pts += length * bool(turn)
                packet.dts += length * bool(turn)
                output.mux(packet)
    template.unlink()
    return path


# --- Many, and growing ----------------------------------------------------------------


def many_short_videos(folder: Path, count: int = 300, *, bad: int = 0) -> list[Path]:
    """Distinct tiny videos; the last `bad` of them are cut off. Takes about a second.

    One is encoded; the others differ in a free box at the end, which players skip.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = encode(folder / "template.mp4", face_pictures(12, (160, 120)), rate=8).read_bytes()
    (folder / "template.mp4").unlink()
    paths = []
    for index in range(count):
        label = f"video {index:06d}".encode()
        path = folder / f"short-{index:04d}.mp4"
        broken = index >= count - bad
        body = data[: data.rindex(b"moov") - 4] if broken else data
        path.write_bytes(body + struct.pack(">I4s", 8 + len(label), b"free") + label)
        paths.append(path)
    return paths


@contextmanager
def growing_file(
    path: Path, data: bytes, *, chunks: int = 10, every_s: float = 0.2
) -> Iterator[Path]:
    """Write `data` to `path` in pieces from a thread, as a slow upload does."""
    size = -(-len(data) // chunks)
    stop = threading.Event()

    def grow() -> None:
        with path.open("wb") as file:
            for at in range(0, len(data), size):
                if stop.is_set():
                    return
                file.write(data[at : at + size])
                file.flush()
                time.sleep(every_s)

    thread = threading.Thread(target=grow, daemon=True)
    thread.start()
    try:
        yield path
    finally:
        stop.set()
        thread.join()


_MAKERS: dict[str, Callable[[Path], Path]] = {
    "zero-bytes.mp4": zero_bytes,
    "text.mp4": text_renamed,
    "truncated.mp4": truncated,
    "audio-only.mp4": audio_only,
    "image.mp4": image_renamed,
    "hls.mp4": lambda path: hls_playlist(path, "file:///etc/passwd"),
    "concat.mp4": lambda path: concat_playlist(path, "/etc/passwd"),
    "playlist-behind-magic.mp4": lambda path: playlist_behind_magic(path, "file:///etc/passwd"),
    "one-pixel.mp4": one_pixel,
    "wide-header.mp4": wide_header,
    "wide-picture.mkv": wide_picture,
    "nothing-decodable.mp4": nothing_decodable,
    "zero-rate.avi": zero_rate,
    "corrupt-middle.mp4": corrupt_middle,
    "variable-rate.mp4": variable_rate,
    "late-start.ts": late_start,
    "no-face.mp4": no_face,
    "two-people.mp4": two_people,
    "crossing-people.mp4": crossing_people,
    "rotated-phone.mp4": rotated_phone,
}


def make_all(folder: Path) -> dict[str, Path]:
    """Write one of each into a folder; return them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    return {name: make(folder / name) for name, make in _MAKERS.items()}


if __name__ == "__main__":
    for made in make_all(Path(sys.argv[1])).values():
        print(made)
