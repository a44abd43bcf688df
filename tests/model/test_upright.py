"""However a recording lays its picture, the answers are those of the upright square one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from include.video.alignment import aligned_crop, similarity_transform
from include.video.detection import FaceDetector
from include.video.posed_faces import READ_IN_DAYLIGHT, Lighting, frames
from include.video.upright import frame_to_bgr, pixel_aspect
from tests.media.make_media import DISPLAY_MATRICES, anamorphic, laid

ASPECTS = [Fraction(4, 3), Fraction(10, 11), Fraction(16, 11), Fraction(64, 45), Fraction(2)]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    labels = list(READ_IN_DAYLIGHT)
    return [
        picture
        for number in range(3)
        for picture in frames(
            f"upright/{number}",
            labels,
            seconds_each=1,
            rate_hz=1,
            size=(640, 360),
            lighting=Lighting(),
        )
    ]


def answers(package, shown: list[np.ndarray]) -> np.ndarray:
    """The seven probabilities of the one face of each picture, shape (n, 7)."""
    detector = FaceDetector(width_px=320, score_min=0.5)
    crops = []
    for picture in shown:
        (face,) = detector.detect(picture)
        transform = similarity_transform(face.landmarks_px, 112)
        assert transform is not None
        crops.append(aligned_crop(picture, transform, 112))
    return package.probabilities(crops)


def same_names(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the same expressions are named, but where two were level before the encoding."""
    ranked = np.sort(expected, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 0.3
    assert clear.mean() > 0.5
    return bool((found.argmax(axis=1) == expected.argmax(axis=1))[clear].all())


def read(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            frame_to_bgr(frame, pixel_aspect(stream)).copy() for frame in container.decode(stream)
        ]


def test_answers_do_not_depend_on_how_the_picture_is_laid(package, pictures, tmp_path) -> None:
    expected = answers(package, pictures)
    for name, matrix in DISPLAY_MATRICES.items():
        found = answers(package, read(laid(tmp_path / "clip.mp4", pictures, matrix)))
        assert np.abs(found - expected).max() < 0.15, name
        assert same_names(found, expected), name


def test_answers_do_not_depend_on_the_shape_of_pixels(package, pictures, tmp_path) -> None:
    expected = answers(package, pictures)
    for aspect in ASPECTS:
        found = answers(package, read(anamorphic(tmp_path / "clip.mp4", pictures, aspect)))
        assert same_names(found, expected), aspect
