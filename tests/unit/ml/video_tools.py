"""The platform's detector in the shape `ml.evaluation.crop_policy` asks for."""

from __future__ import annotations

from functools import cache

from include.video.detection import FaceDetector
from ml.evaluation.crop_policy import Face, Image


@cache
def _detector() -> FaceDetector:
    return FaceDetector(width_px=320, score_min=0.3)


def find_face(frame: Image) -> Face | None:
    """Return the best face of a BGR frame."""
    found = _detector().detect(frame)
    if not found:
        return None
    best = found[0]
    return Face((best.x_px, best.y_px, best.width_px, best.height_px), best.landmarks_px)
