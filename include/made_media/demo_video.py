"""Makes a video of a face from photographs that scikit-image ships: nothing is downloaded.

The demonstration needs a recording that is free to pass on, has a cut, a
stretch without a face, and a face that moves, grows, tilts and is relit.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from include.video.detection import Image

_FACE_BOX = (146, 30, 162, 178)
"""x, y, width, height of head and hair in the astronaut photograph, pixels."""

_ACTS = ("face", "face_closer", "nobody", "face_again")
"""A quarter of the video each; the middle two start with a hard cut, the last too."""


def make_demo_video(
    path: Path, *, seconds: float = 24.0, size: tuple[int, int] = (640, 360), rate: float = 20.0
) -> None:
    """Write an MP4 (H.264) with a face, a cut, a stretch without a face, and the face again.

    The same arguments yield the same bytes. Takes a few seconds.

    Args:
        path: Where to write; the folder exists.
        seconds: Length.
        size: Width and height in pixels, both even.
        rate: Frames per second.
    """
    write_video(path, _pictures(max(1, round(seconds * rate)), size), size=size, rate=rate)


def write_video(
    path: Path, pictures: Iterable[Image], *, size: tuple[int, int], rate: float, crf: int = 23
) -> None:
    """Write pictures as MP4 (H.264); the same pictures yield the same bytes.

    Args:
        path: Where to write; the folder exists.
        pictures: BGR, all of `size`.
        size: Width and height in pixels, both even.
        rate: Pictures per second.
        crf: Quality of the encoding: 18 is fine, 32 is coarse.
    """
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(
            "libx264",
            rate=Fraction(rate).limit_denominator(1001),
            options={"preset": "superfast", "crf": str(crf), "g": str(round(2 * rate))},
        )
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        # One thread: with several, x264's rate control depends on how they are scheduled.
        stream.codec_context.thread_count = 1
        for image in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _pictures(count: int, size: tuple[int, int]) -> Iterator[Image]:
    data: Any = importlib.import_module("skimage.data")
    head = _cut_out_head(_bgr(data.astronaut()))
    coffee, cat, rocket = (
        _cover(_bgr(picture), size) for picture in (data.coffee(), data.chelsea(), data.rocket())
    )
    soft_coffee, soft_cat = _dimmed(coffee), _dimmed(cat)
    for index in range(count):
        place = 4 * index / count
        act, share = _ACTS[int(place)], place % 1.0
        if act == "nobody":
            yield _drift(coffee if share < 0.5 else rocket, share)
        elif act == "face":
            yield _with_face(soft_coffee, head, share, height=0.55, light=1.0)
        elif act == "face_closer":
            yield _with_face(soft_cat, head, share, height=0.8, light=0.85)
        else:
            yield _with_face(soft_coffee, head, 1.0 - share, height=0.68, light=1.15)


def _cut_out_head(photograph: Image) -> Image:
    """Return the head as BGR and opacity, 0..255, soft at its edge."""
    x, y, width, height = _FACE_BOX
    opacity = np.zeros(photograph.shape[:2], np.uint8)
    centre = (x + width // 2, y + height // 2)
    cv2.ellipse(opacity, centre, (width // 2, height // 2), 0, 0, 360, 255, -1)
    opacity = cv2.GaussianBlur(opacity, (0, 0), 4)
    return np.dstack([photograph, opacity])[y : y + height, x : x + width]


def _with_face(backdrop: Image, head: Image, share: float, *, height: float, light: float) -> Image:
    """Paste the head, moved, scaled, tilted and relit as `share` goes from 0 to 1."""
    rows, columns = backdrop.shape[:2]
    depth, width = head.shape[:2]
    phase = 2 * math.pi * share
    scale = height * rows / depth * (1.0 + 0.12 * math.sin(phase))
    side = math.ceil(1.1 * scale * max(width, depth))
    transform = cv2.getRotationMatrix2D((width / 2, depth / 2), 6.0 * math.sin(2 * phase), scale)
    transform[:, 2] += side / 2 - np.array([width / 2, depth / 2])
    patch = cv2.warpAffine(head, transform, (side, side)).astype(np.float32)

    left = round(columns * (0.5 + 0.18 * math.cos(phase)) - side / 2)
    top = round(rows * (0.52 + 0.03 * math.sin(3 * phase)) - side / 2)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(columns, left + side), min(rows, top + side)
    patch = patch[y0 - top : y1 - top, x0 - left : x1 - left]
    weight = patch[..., 3:] / 255.0
    lit = patch[..., :3] * (light * (1.0 + 0.15 * math.sin(phase + 1.0)))
    picture = backdrop.copy()
    under = picture[y0:y1, x0:x1]
    under[:] = np.clip(lit * weight + under * (1.0 - weight), 0, 255)
    return picture


def _drift(picture: Image, share: float) -> Image:
    """A slow zoom, so that a stretch without a face is not a still."""
    rows, columns = picture.shape[:2]
    transform = cv2.getRotationMatrix2D((columns / 2, rows / 2), 0.0, 1.0 + 0.2 * share)
    return np.asarray(
        cv2.warpAffine(picture, transform, (columns, rows), borderMode=cv2.BORDER_REFLECT),
        dtype=np.uint8,
    )


def _cover(picture: Image, size: tuple[int, int]) -> Image:
    """Scale and cut a picture so that it fills `size`."""
    scale = max(size[0] / picture.shape[1], size[1] / picture.shape[0])
    grown = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (grown.shape[0] - size[1]) // 2, (grown.shape[1] - size[0]) // 2
    return np.ascontiguousarray(grown[top : top + size[1], left : left + size[0]])


def _dimmed(picture: Image) -> Image:
    soft = cv2.GaussianBlur(picture, (0, 0), 6).astype(np.float32) * 0.7
    return np.asarray(soft, dtype=np.uint8)


def _bgr(picture_rgb: Image) -> Image:
    return np.ascontiguousarray(picture_rgb[..., ::-1])
