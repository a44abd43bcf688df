"""A face's look: a coarse picture that is compared between neighbouring instants."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from include.video.detection import Image

Look = npt.NDArray[np.float32]
"""Unit vector, float32; the product of two is their likeness, -1..1."""

_SIDE_PX = 16


def look_of(crop_bgr: Image) -> Look:
    """Return a unit vector that describes an aligned crop: coarse grey and colour layout.

    Light is taken out by removing the mean and scaling; expression changes
    little at this resolution, hair, skin tone and outline remain. It costs next
    to nothing and says whether anything changed; it does not tell people apart.
    """
    lab = cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2LAB)
    small = cv2.resize(lab, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    vector = small.astype(np.float32).reshape(-1, 3)
    light = vector[:, 0] - vector[:, 0].mean()
    light /= max(1e-6, float(np.linalg.norm(light)))
    # Chroma is centred on neutral grey, not on its mean: the tone itself is telling.
    chroma = (vector[:, 1:] - 128.0).ravel()
    chroma /= max(60.0, float(np.linalg.norm(chroma)))
    joint = np.concatenate([light, 0.7 * chroma])
    return np.asarray(joint / max(1e-6, float(np.linalg.norm(joint))), dtype=np.float32)
