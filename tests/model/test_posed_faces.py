"""What `make demo-loop` rests on: the shipped package reads poses in daylight, not in the dark."""

from __future__ import annotations

import numpy as np

from include.contracts.labels import EXPRESSIONS
from include.made_media.posed_faces import READ_IN_DAYLIGHT, Lighting, frames
from include.video.alignment import aligned_crop, similarity_transform
from include.video.detection import FaceDetector

PEOPLE = 20


def _accuracy(package, lighting: Lighting) -> float:
    detector = FaceDetector(width_px=320, score_min=0.5)
    crops, truth = [], []
    for number in range(PEOPLE):
        labels = list(READ_IN_DAYLIGHT)
        shown = frames(
            f"model/{number}",
            labels,
            seconds_each=1,
            rate_hz=1,
            size=(640, 360),
            lighting=lighting,
        )
        for label, picture in zip(labels, shown, strict=True):
            found = detector.detect(picture)
            transform = similarity_transform(found[0].landmarks_px, 112) if found else None
            if transform is not None:
                crops.append(aligned_crop(picture, transform, 112))
                truth.append(EXPRESSIONS.index(label))
    assert len(crops) >= 0.9 * PEOPLE * len(READ_IN_DAYLIGHT)
    return float((package.probabilities(crops).argmax(axis=1) == np.array(truth)).mean())


def test_poses_are_read_in_daylight_and_not_in_the_dark(package) -> None:
    daylight = _accuracy(package, Lighting())
    dark = _accuracy(package, Lighting(gain=0.3, noise=8.0))
    assert daylight > 0.88
    assert dark < daylight - 0.15
