"""What is done with one sampled picture: faces found, judged, cut out and named."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import cv2
import numpy as np

from include.video import alignment, cuts, face_quality
from include.video.detection import Detection, FaceDetector, Image
from include.video.face_quality import FaceMeasures, QualityLimits
from include.video.identity.embedding import FaceEmbedder, is_describable
from include.video.identity.following import FaceFollower
from include.video.identity.look import look_of
from include.video.identity.tracklets import SeenFace


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """How pictures are analysed; names and units are those of `ExtractionSettings`."""

    detection_width_px: int
    detector_score_min: float
    crop_side_px: int
    jpeg_quality: int
    frame_max_side_px: int
    max_faces_per_instant: int
    quality: QualityLimits


@dataclass(frozen=True, slots=True)
class AnalysedFace:
    """One face of an instant; `crop_jpeg` only where it is usable (`reason` is None).

    `tracklet` counts from 0; whose it is, `PictureAnalyser.people` says in the end.
    """

    tracklet: int
    detection: Detection
    measures: FaceMeasures
    reason: str | None
    crop_jpeg: bytes | None


@dataclass(frozen=True, slots=True)
class AnalysedPicture:
    """One instant: its scene, its faces (largest first) and the picture at a bounded size."""

    scene: int
    faces: list[AnalysedFace]
    frame_jpeg: bytes


@dataclass(slots=True)
class CpuSeconds:
    """CPU seconds per part of the work."""

    parts: dict[str, float] = field(default_factory=dict)
    _since: float = 0.0  # the start of the process

    def book(self, part: str) -> None:
        """Book what was spent since the last booking on `part`."""
        now = time.process_time()
        self.parts[part] = self.parts.get(part, 0.0) + now - self._since
        self._since = now


def detector_for(options: AnalysisOptions) -> FaceDetector:
    """Return a detector with the network loaded."""
    return FaceDetector(width_px=options.detection_width_px, score_min=options.detector_score_min)


class PictureAnalyser:
    """Analyses the sampled pictures of one video, in order.

    Args:
        options: How.
        cpu: Where time is booked.
        detector: From `detector_for` the same options.
    """

    def __init__(self, options: AnalysisOptions, cpu: CpuSeconds, detector: FaceDetector) -> None:
        self._options = options
        self._cpu = cpu
        self._detector = detector
        self._follower = FaceFollower(FaceEmbedder())
        self._signature: cuts.FrameSignature | None = None
        self.scene = 0

    def begin_scene(self) -> None:
        """Begin a scene: what comes next may not go on from what was seen."""
        self.scene += 1
        self._signature = None

    def analyse(self, instant: int, image_bgr: Image) -> AnalysedPicture:
        """Analyse the picture (height x width x 3, uint8, BGR) of an instant."""
        detections = self._detector.detect(image_bgr)
        self._cpu.book("detect")
        self._note_cut(image_bgr)
        detections.sort(key=lambda d: d.width_px * d.height_px, reverse=True)
        detections = detections[: self._options.max_faces_per_instant]
        crops = [self._crop(image_bgr, detection) for detection in detections]
        measured = [_measure(*found) for found in zip(detections, crops, strict=True)]
        self._cpu.book("crop")
        seen = [_seen(*found) for found in zip(detections, crops, measured, strict=True)]
        tracklets = self._follower.follow(instant, self.scene, image_bgr, seen)
        self._cpu.book("identity")
        found = zip(tracklets, detections, measured, crops, strict=True)
        faces = [self._judge(*face) for face in found]
        frame_jpeg = self._frame_jpeg(image_bgr)
        self._cpu.book("crop")
        return AnalysedPicture(self.scene, faces, frame_jpeg)

    def people(self) -> list[int]:
        """Return, by tracklet, whose it is: 1, 2, ...; 0 where that cannot be told. Called last."""
        names = self._follower.names()
        self._cpu.book("identity")
        return names

    def _note_cut(self, image_bgr: Image) -> None:
        signature = cuts.signature_of(image_bgr)
        if self._signature is not None and cuts.change_between(self._signature, signature).is_cut:
            self.scene += 1
        self._signature = signature

    def _crop(self, image_bgr: Image, detection: Detection) -> Image:
        side = self._options.crop_side_px
        transform = alignment.similarity_transform(detection.landmarks_px, side)
        if transform is None:
            return np.zeros((side, side, 3), dtype=np.uint8)
        return alignment.aligned_crop(image_bgr, transform, side)

    def _judge(
        self, tracklet: int, detection: Detection, measures: FaceMeasures, crop: Image
    ) -> AnalysedFace:
        reason = face_quality.reason_for(detection, measures, self._options.quality)
        jpeg = None if reason else self._jpeg(crop)
        return AnalysedFace(tracklet, detection, measures, reason and reason.value, jpeg)

    def _frame_jpeg(self, image_bgr: Image) -> bytes:
        height, width = image_bgr.shape[:2]
        scale = self._options.frame_max_side_px / max(height, width)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image_bgr = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
        return self._jpeg(image_bgr)

    def _jpeg(self, image_bgr: Image) -> bytes:
        flags = [cv2.IMWRITE_JPEG_QUALITY, self._options.jpeg_quality]
        return bytes(cv2.imencode(".jpg", image_bgr, flags)[1])


def _measure(detection: Detection, crop: Image) -> FaceMeasures:
    blur, brightness = face_quality.measure_light(crop)
    return FaceMeasures(
        blur=blur,
        brightness=brightness,
        yaw_deg=alignment.yaw_deg(detection.landmarks_px),
        roll_deg=alignment.roll_deg(detection.landmarks_px),
    )


def _seen(detection: Detection, crop: Image, measures: FaceMeasures) -> SeenFace:
    describable = is_describable(detection.width_px, detection.height_px, measures.yaw_deg)
    return SeenFace(detection, look_of(crop), describable)
