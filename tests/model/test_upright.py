"""However a recording lays its picture, the answers are those of the upright square one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from include.made_media.posed_faces import READ_IN_DAYLIGHT, Lighting, frames
from include.video.alignment import aligned_crop, similarity_transform
from include.video.detection import FaceDetector
from include.video.upright import frame_to_bgr, pixel_aspect
from tests.media.make_media import DISPLAY_MATRICES, anamorphic, laid

ASPECTS = [Fraction(4, 3), Fraction(10, 11), Fraction(16, 11), Fraction(64, 45), Fraction(2)]
RESPONDENTS = ("upright/1", "upright/3", "upright/7")
CLEAR_LEAD = 0.45
"""Where two expressions are level, a rounding decides; here none does."""


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [
        picture
        for name in RESPONDENTS
        for picture in frames(
            name,
            READ_IN_DAYLIGHT,
            seconds_each=1,
            rate_hz=1,
            size=(640, 360),
            lighting=Lighting(),
        )
    ]


@pytest.fixture(scope="module")
def expected(package, pictures) -> np.ndarray:
    """The answers on the pictures themselves, each clear, three expressions among them."""
    found = answers(package, pictures)
    ranked = np.sort(found, axis=1)
    assert (ranked[:, -1] - ranked[:, -2]).min() > CLEAR_LEAD
    assert len(set(found.argmax(axis=1))) == len(READ_IN_DAYLIGHT)
    return found


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


def read(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            frame_to_bgr(frame, pixel_aspect(stream)).copy() for frame in container.decode(stream)
        ]


@pytest.mark.parametrize("name", DISPLAY_MATRICES)
def test_answers_do_not_depend_on_how_the_picture_is_laid(
    name, package, pictures, expected, tmp_path
) -> None:
    found = answers(package, read(laid(tmp_path / "clip.mp4", pictures, DISPLAY_MATRICES[name])))
    assert found.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()
    assert np.abs(found - expected).max() < 0.05


@pytest.mark.parametrize("aspect", ASPECTS, ids=str)
def test_answers_do_not_depend_on_the_shape_of_pixels(
    aspect, package, pictures, expected, tmp_path
) -> None:
    found = answers(package, read(anamorphic(tmp_path / "clip.mp4", pictures, aspect)))
    assert found.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()
