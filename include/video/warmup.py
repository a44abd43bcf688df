"""Makes libraries load what they load on first use, before files can no longer be opened."""

from __future__ import annotations

import cv2
import numpy as np

from include.video import alignment, cuts, face_quality
from include.video.analysis import AnalysisOptions, CpuSeconds, PictureAnalyser
from include.video.detection import Detection, FaceDetector
from include.video.identity.look import look_of
from include.video.stillness import StillnessMeter

_SIDE_PX = 96


def warm_up(options: AnalysisOptions, detector: FaceDetector) -> None:
    """Run every step of the analysis once on a made picture, in one thread.

    The detector is the one that will be used: loading its network is most of the start.
    """
    cv2.setNumThreads(1)
    cv2.ocl.setUseOpenCL(False)
    ramp = np.arange(_SIDE_PX * _SIDE_PX * 3, dtype=np.int64) % 251
    image = ramp.astype(np.uint8).reshape(_SIDE_PX, _SIDE_PX, 3)
    PictureAnalyser(options, CpuSeconds(), detector).analyse(0, image)
    landmarks = ((30.0, 40.0), (60.0, 40.0), (45.0, 55.0), (34.0, 70.0), (58.0, 70.0))
    transform = alignment.similarity_transform(landmarks, options.crop_side_px)
    if transform is not None:
        crop = alignment.aligned_crop(image, transform, options.crop_side_px)
        face_quality.measure_light(crop)
        look_of(crop)
    signature = cuts.signature_of(image)
    cuts.change_between(signature, signature)
    meter = StillnessMeter()
    face = Detection(30.0, 30.0, 40.0, 50.0, 0.9, landmarks)
    for second, shown in enumerate((image, np.roll(image, 2, axis=1))):
        meter.changes(shown, [face], scene=0, at_s=float(second))
