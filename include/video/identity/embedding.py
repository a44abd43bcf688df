"""A face's descriptor: 128 numbers that are near for one person and far for two.

A descriptor is biometric. It lives in the memory of the confined child while one
recording is read, is compared with others of the same recording, and is neither
written nor sent anywhere (docs/decisions/0029-identity.md).
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from include.video import alignment
from include.video.detection import Image
from include.video.identity import network
from include.video.onnx_session import session_of

Descriptor = npt.NDArray[np.float32]
"""128 values, float32; distances between two are about 0.2 to 1.1."""

CHIP_TEMPLATE_UNIT: tuple[tuple[float, float], ...] = (
    (0.315, 0.312),
    (0.685, 0.312),
    (0.500, 0.510),
    (0.347, 0.678),
    (0.653, 0.678),
)
"""Where CenterFace's five landmarks lie in the chip that dlib cuts by its own (size 150,
padding 0.25): the mean of 324 FairFace faces, made symmetric; unit square."""


_MIN_FACE_PX = 24
_MAX_YAW_DEG = 45.0


def is_describable(width_px: float, height_px: float, yaw_deg: float) -> bool:
    """Return whether a descriptor says much of a face: of some size, turned to the camera."""
    return min(width_px, height_px) >= _MIN_FACE_PX and abs(yaw_deg) <= _MAX_YAW_DEG


class FaceEmbedder:
    """dlib's face recognition network under ONNX Runtime.

    The weights are read when it is made, while files can still be opened; the
    network is built when the first descriptor is asked for, which many recordings
    never do.
    """

    def __init__(self) -> None:
        with network.shipped_weights_path().open("rb") as file:
            # Mapped, not read: pages come in when the network is built.
            self._weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._session: Any = None

    def describe(self, chip_bgr: Image) -> Descriptor:
        """Return the descriptor of a face from its chip (`chip_of`)."""
        blob = np.ascontiguousarray(
            cv2.cvtColor(chip_bgr, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)[None], dtype=np.float32
        )
        answer = self._network().run([network.OUTPUT_NAME], {network.INPUT_NAME: blob})
        return np.asarray(answer[0][0], dtype=np.float32)

    def _network(self) -> Any:
        if self._session is None:
            # The graph is folded already; rearranging it costs as much as some ten descriptors.
            model = network.recognition_model(self._weights)
            self._session = session_of(model, rearrange=False)
        return self._session


def chip_of(image_bgr: Image, landmarks_px: Sequence[tuple[float, float]]) -> Image | None:
    """Return the 150 x 150 BGR chip the network takes; None when the landmarks coincide."""
    transform = alignment.similarity_transform(
        landmarks_px, network.SIDE_PX, template_unit=CHIP_TEMPLATE_UNIT
    )
    if transform is None:
        return None
    return alignment.aligned_crop(image_bgr, transform, network.SIDE_PX)
