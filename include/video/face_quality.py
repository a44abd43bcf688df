"""Is a face fit to be read? Sharpness, light, size and turn, as reason codes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from include.contracts.reasons import RowReason
from include.video.detection import Detection, Image


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Limits of a usable face; names and units are those of `ExtractionSettings`."""

    min_face_px: int
    min_blur: float
    brightness_min: float
    brightness_max: float
    max_yaw_deg: float


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """What was measured on one face.

    `blur` is the variance of the Laplacian of the aligned grey crop (Pertuz et
    al., 2013; larger is sharper), `brightness` its mean grey level, 0..255.
    """

    blur: float
    brightness: float
    yaw_deg: float
    roll_deg: float


def measure_light(crop_bgr: Image) -> tuple[float, float]:
    """Return (blur, brightness) of an aligned BGR crop."""
    grey = cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var()), float(grey.mean())


def reason_for(
    detection: Detection, measures: FaceMeasures, limits: QualityLimits
) -> RowReason | None:
    """Return why a face is not usable, or None. The first rule that holds names it."""
    if min(detection.width_px, detection.height_px) < limits.min_face_px:
        return RowReason.FACE_TOO_SMALL
    if abs(measures.yaw_deg) > limits.max_yaw_deg:
        return RowReason.FACE_IN_PROFILE
    if measures.brightness < limits.brightness_min:
        return RowReason.FACE_TOO_DARK
    if measures.brightness > limits.brightness_max:
        return RowReason.FACE_TOO_BRIGHT
    if measures.blur < limits.min_blur:
        return RowReason.FACE_BLURRED
    return None
