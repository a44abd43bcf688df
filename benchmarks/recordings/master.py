"""The recording that every recorder is given: a face, nobody, the face again, and a tone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from include.made_media import posed_faces
from include.video.detection import Image

SIZE_PX = (352, 288)
"""CIF: H.263 knows few sizes."""
RATE_HZ = 25
READ_HZ = 2.0
AS_RECORDED = "FFFF..FF"
"""What reading it at `READ_HZ` must say: two seconds of a face, one of nobody, one of the face."""
SECONDS = 4
_FACE_S, _NOBODY_S = 2, 1
_SOUND_HZ = 48_000


def pictures() -> list[Image]:
    """Return its pictures, BGR, `SIZE_PX`."""
    faces = list(
        posed_faces.frames(
            "anna",
            ["happiness"],
            seconds_each=SECONDS - _NOBODY_S,
            rate_hz=RATE_HZ,
            size=SIZE_PX,
            lighting=posed_faces.Lighting(),
        )
    )
    draw = np.random.default_rng(0)
    walls = [_wall(draw) for _ in range(_NOBODY_S * RATE_HZ)]
    turn = _FACE_S * RATE_HZ
    return [*faces[:turn], *walls, *faces[turn:]]


def write_master(path: Path) -> Path:
    """Write it without loss: FFV1 and 16-bit sound in Matroska."""
    with av.open(str(path), "w", format="matroska") as output:
        video = output.add_stream("ffv1", rate=RATE_HZ)
        video.width, video.height = SIZE_PX
        video.pix_fmt = "yuv420p"
        sound = output.add_stream("pcm_s16le", rate=_SOUND_HZ, layout="mono")
        for index, picture in enumerate(pictures()):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, RATE_HZ)
            output.mux(video.encode(frame))
            output.mux(sound.encode(_tone(index)))
        output.mux(video.encode())
        output.mux(sound.encode())
    return path


def _wall(draw: np.random.Generator) -> Image:
    """A wall with the noise of a camera."""
    coarse = np.random.default_rng(1).integers(60, 180, (6, 8, 3)).astype(np.float32)
    wall = cv2.resize(coarse, SIZE_PX, interpolation=cv2.INTER_CUBIC)
    noisy: Image = np.clip(wall + draw.normal(0, 1.5, wall.shape), 0, 255).astype(np.uint8)
    return noisy


def _tone(index: int) -> av.AudioFrame:
    """The sound of one picture's time, 220 Hz."""
    count = _SOUND_HZ // RATE_HZ
    times_s = (index * count + np.arange(count)) / _SOUND_HZ
    samples = (8000 * np.sin(2 * np.pi * 220 * times_s)).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts = _SOUND_HZ, index * count
    frame.time_base = Fraction(1, _SOUND_HZ)
    return frame
