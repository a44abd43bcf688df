"""`python -m benchmarks.identity.select`: choose the photographs, write `people.csv`.

Taken are photographs of people of ten years and more with one face that is found again when
it is drawn as recordings show it, upright and nearly frontal, sharp, in natural colours,
neither dark nor glaring. Everything else would measure the detector, not who is who.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.identity.people import AUDIT_ZIP, SIDE_PX, Person, person_row
from benchmarks.identity.posing import Head, Pose, SideLight
from include.governance.bias.fixed_set import open_fixed_set
from include.made_media.pasted_faces import room_of
from include.video import alignment, face_quality
from include.video.detection import Detection, FaceDetector, Image
from ml.data.location import shared_data_dir

_LEFT_OUT_AGES = ("0-2", "3-9")
_SCORE_MIN, _YAW_MAX_DEG, _ROLL_MAX_DEG = 0.55, 22.0, 18.0
_BRIGHTNESS, _BLUR_MIN = (55.0, 205.0), 45.0
_SIDE_MIN_PX = 100.0
_CHROMA = (8.0, 45.0)
"""Mean distance from grey in Lab: no black-and-white photographs, none in coloured light."""


def main() -> int:
    """Look at every photograph and write the table."""
    cv2.setNumThreads(1)
    detector = FaceDetector(width_px=320, score_min=0.5)
    opened = open_fixed_set(shared_data_dir() / AUDIT_ZIP)
    rows = []
    for face, picture in zip(opened.faces, opened.pictures(opened.faces), strict=True):
        if face.groups["age"] in _LEFT_OUT_AGES:
            continue
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        found = _usable(np.asarray(image, np.uint8), detector)
        if found is None:
            continue
        box = (found.x_px, found.y_px, found.width_px, found.height_px)
        if _found_when_drawn(Person(face.file, picture, box, found.landmarks_px), detector):
            rows.append(person_row(face.file, box, found.landmarks_px))
    with Path(__file__).with_name("people.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["file"]))
    sys.stdout.write(f"{len(rows)} of {len(opened.faces)} photographs\n")
    return 0


def _usable(image: Image, detector: FaceDetector) -> Detection | None:
    if image.shape[:2] != (SIDE_PX, SIDE_PX):
        return None
    found = detector.detect(np.pad(image, ((60, 60), (60, 60), (0, 0)), mode="constant"))
    if len(found) != 1 or found[0].score < _SCORE_MIN:
        return None
    face = _shifted(found[0], -60)
    transform = alignment.similarity_transform(face.landmarks_px, 112)
    if transform is None or min(face.width_px, face.height_px) < _SIDE_MIN_PX:
        return None
    blur, brightness = face_quality.measure_light(alignment.aligned_crop(image, transform, 112))
    good = (
        blur >= _BLUR_MIN
        and _BRIGHTNESS[0] <= brightness <= _BRIGHTNESS[1]
        and abs(alignment.yaw_deg(face.landmarks_px)) <= _YAW_MAX_DEG
        and abs(alignment.roll_deg(face.landmarks_px)) <= _ROLL_MAX_DEG
        and _CHROMA[0] <= _chroma(image) <= _CHROMA[1]
    )
    return face if good else None


def _chroma(image: Image) -> float:
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    return float(np.hypot(lab[..., 1] - 128, lab[..., 2] - 128).mean())


def _found_when_drawn(person: Person, detector: FaceDetector) -> bool:
    head = Head(person)
    for side, pose in ((250.0, Pose()), (170.0, Pose(yaw_deg=10, roll_deg=4))):
        frame = room_of(0).copy()
        head.draw(frame, (320, 180), side, pose, SideLight(0.2, 200))
        found = detector.detect(frame)
        if len(found) != 1 or found[0].score < _SCORE_MIN:
            return False
    return True


def _shifted(face: Detection, by_px: float) -> Detection:
    return Detection(
        face.x_px + by_px,
        face.y_px + by_px,
        face.width_px,
        face.height_px,
        face.score,
        tuple((x + by_px, y + by_px) for x, y in face.landmarks_px),
    )


if __name__ == "__main__":
    sys.exit(main())
