"""The annotated copy as the confined child makes it: look for faces, blur, write, encode."""

from __future__ import annotations

import json
import logging  # PyAV's writer imports it when it closes, which is after the lock-down.
import os
from collections import deque
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.container.output
import cv2
import numpy as np

from include.contracts.reasons import QuarantineCode
from include.video.decoding import sampled_frames
from include.video.detection import FaceDetector, Image
from include.video.messages import write_message
from include.video.opening import Request, open_recording, stream_limits
from include.video.packets import StreamRefusedError
from include.video.sampling import Sampler
from include.video.upright import UnreadableColoursError, frame_to_bgr

PICTURES_PER_S = 10.0
_MEMORY_PICTURES = 5
_SCORE_MIN = 0.25
"""Lower than for analysis: a blurred lamp is better than a face that shows."""
_MARGIN = 0.25
_TICK = Fraction(1, 1000)

Box = tuple[float, float, float, float]
"""x, y, width, height, pixels of the written picture."""


class AnnotationJob:
    """Reads the labels and loads the network when made; touches the recording when called."""

    def __init__(self, request: Request) -> None:
        logging.getLogger("libav")
        cv2.setNumThreads(1)
        self._request = request
        with os.fdopen(request["labels_fd"]) as notes:
            self._labels: deque[dict[str, Any]] = deque(json.load(notes))
        self._output = os.fdopen(request["output_fd"], "wb+", buffering=0)
        self._detector = FaceDetector(width_px=320, score_min=_SCORE_MIN)
        self._recent: deque[list[Box]] = deque(maxlen=_MEMORY_PICTURES)
        self._shown: list[dict[str, Any]] = []
        blank = np.zeros((64, 64, 3), np.uint8)
        self._detector.detect(blank)
        _blur(blank, (8, 8, 40, 40))
        _write(blank, "warm up", (8, 8, 40, 40))

    def __call__(self, recording: BinaryIO, pipe: BinaryIO) -> None:
        """Write the annotated copy.

        Raises:
            StreamRefusedError: A limit is passed, or no frame can be decoded.
        """
        opened = open_recording(self._request, recording)
        stream = opened.stream
        if stream.time_base is None:
            raise StreamRefusedError(QuarantineCode.NO_TIMESTAMPS)
        sampler = Sampler(PICTURES_PER_S, stream.time_base)
        shots = sampled_frames(
            opened.container,
            stream,
            sampler,
            expected=0,
            limits=stream_limits(self._request),
            recording=opened.recording,
        )
        written = 0
        with av.open(self._output, "w", format="mp4") as output:
            track = output.add_stream(
                "libx264", rate=round(PICTURES_PER_S), options={"preset": "veryfast", "crf": "26"}
            )
            track.codec_context.thread_count = 1
            track.codec_context.time_base = _TICK
            track.pix_fmt = "yuv420p"
            for shot in shots:
                if shot.frame is None or shot.pts is None:
                    continue
                pts_s = sampler.pts_s(shot.pts)
                try:
                    picture = frame_to_bgr(shot.frame, opened.pixel_aspect)
                except UnreadableColoursError:
                    continue
                image = self._annotated(picture, pts_s)
                if not written:
                    track.height, track.width = image.shape[:2]
                    start_s = pts_s
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.pts, frame.time_base = round((pts_s - start_s) / _TICK), _TICK
                output.mux(track.encode(frame))
                written += 1
            if written:
                output.mux(track.encode())
        if not written:
            raise StreamRefusedError(QuarantineCode.UNDECODABLE)
        write_message(pipe, {"kind": "annotated", "pictures": written})

    def _annotated(self, image: Image, pts_s: float) -> Image:
        scale = min(1.0, self._request["max_side_px"] / max(image.shape[:2]))
        # H.264 with subsampled colour wants even sides.
        size = [max(2, round(side * scale / 2) * 2) for side in image.shape[1::-1]]
        picture = cv2.resize(image, (size[0], size[1]), interpolation=cv2.INTER_AREA)
        factor = (size[0] / image.shape[1], size[1] / image.shape[0])
        labelled = [(label["text"], _scaled(label, factor)) for label in self._current(pts_s)]
        self._recent.append(
            [(f.x_px, f.y_px, f.width_px, f.height_px) for f in self._detector.detect(picture)]
        )
        for boxes in self._recent:
            for box in boxes:
                _blur(picture, box)
        for text, box in labelled:
            _blur(picture, box)
            _write(picture, text, box)
        return np.ascontiguousarray(picture)

    def _current(self, pts_s: float) -> list[dict[str, Any]]:
        """Labels of the latest sample, shown until the next is due."""
        while self._labels and self._labels[0]["pts_s"] <= pts_s + 1e-6:
            label = self._labels.popleft()
            if self._shown and self._shown[0]["pts_s"] != label["pts_s"]:
                self._shown = []
            self._shown.append(label)
        fresh = self._request["label_s"]
        return [label for label in self._shown if pts_s - label["pts_s"] < fresh]


def _scaled(label: dict[str, Any], factor: tuple[float, float]) -> Box:
    x, y = factor
    return label["x_px"] * x, label["y_px"] * y, label["width_px"] * x, label["height_px"] * y


def _blur(picture: Image, box: Box) -> None:
    """Make a box, grown by a margin, unrecognisable in place: eight blocks across, smoothed."""
    x, y, width, height = box
    x0, y0 = max(0, int(x - _MARGIN * width)), max(0, int(y - _MARGIN * height))
    x1 = min(picture.shape[1], int(x + (1 + _MARGIN) * width) + 1)
    y1 = min(picture.shape[0], int(y + (1 + _MARGIN) * height) + 1)
    if x0 >= x1 or y0 >= y1:
        return
    region = picture[y0:y1, x0:x1]
    coarse = cv2.resize(region, (8, 8), interpolation=cv2.INTER_AREA)
    region[:] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)


def _write(picture: Image, text: str, box: Box) -> None:
    at = (max(2, int(box[0])), max(14, int(box[1] - _MARGIN * box[3]) - 4))
    printable = text.encode("ascii", "replace").decode()
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, printable, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness)
