"""Tells a cut from movement between two sampled frames.

Samples lie about a second apart, so pixels move; what survives movement is
which colours the picture holds and roughly where dark and light are. A cut
changes both. Thresholds: docs/decisions/0005-video.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from include.video.detection import Image

COLOUR_DISTANCE_MIN = 0.40
"""Hellinger distance of the colour histograms, 0..1, from which a cut is possible."""
LAYOUT_LIKENESS_MAX = 0.6
"""Correlation of the small grey pictures, -1..1, up to which a cut is possible."""
COLOUR_DISTANCE_SURE = 0.85
RELIT_LIKENESS_MIN = 0.9
"""With colours this far apart, only the very same layout (a lamp, the exposure) is no cut."""

_LAYOUT_SIZE = (32, 18)
_BINS = (12, 4, 6)


@dataclass(frozen=True, slots=True)
class FrameSignature:
    """What is kept of a frame: an HSV histogram summing to 1 and a normalised grey thumbnail."""

    colours: npt.NDArray[np.float32]
    layout: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FrameChange:
    """How far two frames are apart: `colour` 0 (same) to 1, `layout` 1 (same) to -1."""

    colour: float
    layout: float

    @property
    def is_cut(self) -> bool:
        """Whether the change is a cut rather than movement or light."""
        if self.colour >= COLOUR_DISTANCE_SURE:
            return self.layout < RELIT_LIKENESS_MIN
        return self.colour >= COLOUR_DISTANCE_MIN and self.layout <= LAYOUT_LIKENESS_MAX


def signature_of(image_bgr: Image) -> FrameSignature:
    """Return the signature of a BGR picture; a copy some 320 px wide is enough."""
    small = cv2.resize(image_bgr, (160, 90), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 180, 0, 256, 0, 256])
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    layout = cv2.resize(grey, _LAYOUT_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    layout -= layout.mean()
    norm = float(np.linalg.norm(layout))
    return FrameSignature(
        colours=np.sqrt(histogram.ravel() / histogram.sum()),
        layout=layout.ravel() / norm if norm > 0 else layout.ravel(),
    )


def change_between(before: FrameSignature, after: FrameSignature) -> FrameChange:
    """Return how far two signatures are apart."""
    overlap = float(before.colours @ after.colours)
    return FrameChange(
        colour=float(np.sqrt(max(0.0, 1.0 - overlap))), layout=float(before.layout @ after.layout)
    )
