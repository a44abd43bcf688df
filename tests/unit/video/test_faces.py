"""Finding, aligning, judging and following faces."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.face_template import FACE_TEMPLATE_UNIT
from include.contracts.reasons import RowReason
from include.video import alignment, centerface_model, cuts
from include.video.assignment import cheapest_assignment
from include.video.detection import Detection, FaceDetector, Image
from include.video.face_quality import FaceMeasures, QualityLimits, reason_for
from tests.media.make_media import astronaut, head, paste, texture


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(width_px=320, score_min=0.5)


# --- Detection --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(512, 512), (1024, 512), (300, 700), (161, 161), (1600, 1600)])
def test_a_face_is_found_in_pixels_of_the_given_picture(
    size: tuple[int, int], detector: FaceDetector
) -> None:
    width, height = size
    picture = texture(size)
    side = min(size) * 0.8
    paste(picture, astronaut(), (width / 2, height / 2), side)
    faces = detector.detect(picture)
    assert len(faces) == 1
    # In the portrait the nose tip lies at (226, 123) of 512.
    nose = faces[0].landmarks_px[2]
    expected = (width / 2 + (226 / 512 - 0.5) * side, height / 2 + (123 / 512 - 0.5) * side)
    assert math.dist(nose, expected) < 0.03 * side
    assert 0.5 < faces[0].score <= 1


def test_no_face_in_a_texture(detector: FaceDetector) -> None:
    assert detector.detect(texture((640, 360))) == []


def test_five_faces_in_a_photograph(shared_data: object, detector: FaceDetector) -> None:
    picture = cv2.imread(f"{shared_data}/multi_face.jpg")
    faces = detector.detect(picture)
    assert len(faces) == 5
    assert [face.score for face in faces] == sorted((f.score for f in faces), reverse=True)


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(ValueError, match="ONNX"):
        centerface_model.any_size_model(b"\x3a\xff\xff\xff\xff\xff\xff")


# --- Alignment --------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(st.floats(-180, 180), st.floats(0.1, 10), st.floats(-500, 500), st.floats(-500, 500))
def test_a_moved_turned_scaled_template_comes_back(
    angle: float, scale: float, x_px: float, y_px: float
) -> None:
    template = np.array(FACE_TEMPLATE_UNIT) * 112
    turn = np.array(
        [
            [math.cos(math.radians(angle)), -math.sin(math.radians(angle))],
            [math.sin(math.radians(angle)), math.cos(math.radians(angle))],
        ]
    )
    landmarks = scale * template @ turn.T + [x_px, y_px]
    transform = alignment.similarity_transform([tuple(p) for p in landmarks], 112)
    assert transform is not None
    np.testing.assert_allclose(
        landmarks @ transform[:, :2].T + transform[:, 2], template, atol=1e-6
    )


def test_coinciding_landmarks_have_no_transform() -> None:
    assert alignment.similarity_transform([(5.0, 5.0)] * 5, 112) is None


def test_a_large_face_is_averaged_and_stays_in_place(detector: FaceDetector) -> None:
    small = astronaut()
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    landmarks = detector.detect(small)[0].landmarks_px
    scaled = [(4 * x + 1.5, 4 * y + 1.5) for x, y in landmarks]
    crops = []
    for picture, points in ((small, landmarks), (large, scaled)):
        transform = alignment.similarity_transform(points, 112)
        assert transform is not None
        crops.append(
            alignment.aligned_crop(picture, transform, 112).astype(np.float32).mean(axis=2)
        )
    (shift_x, shift_y), _ = cv2.phaseCorrelate(crops[0], crops[1])
    assert abs(shift_x) < 0.15
    assert abs(shift_y) < 0.15


def test_aligned_eyes_lie_on_the_template(detector: FaceDetector) -> None:
    turned = cv2.warpAffine(astronaut(), cv2.getRotationMatrix2D((226, 120), 25, 1.2), (512, 512))
    face = detector.detect(turned)[0]
    assert alignment.roll_deg(face.landmarks_px) == pytest.approx(-20, abs=8)
    transform = alignment.similarity_transform(face.landmarks_px, 112)
    assert transform is not None
    again = detector.detect(alignment.aligned_crop(turned, transform, 112))[0]
    assert abs(alignment.roll_deg(again.landmarks_px)) < 6


def test_yaw_grows_with_the_nose_to_the_side() -> None:
    def yaw(nose_x: float) -> float:
        return alignment.yaw_deg([(40, 40), (80, 40), (nose_x, 60), (45, 80), (75, 80)])

    assert yaw(60) == pytest.approx(0)
    assert 20 < yaw(75) < 50
    assert yaw(45) == pytest.approx(-yaw(75))
    assert yaw(100) == 90


# --- Quality ----------------------------------------------------------------------------

LIMITS = QualityLimits(
    min_face_px=24, min_blur=5, brightness_min=25, brightness_max=235, max_yaw_deg=60
)


def box(x_px: float = 0, y_px: float = 0, side_px: float = 100) -> Detection:
    points = tuple((x_px + u * side_px, y_px + v * side_px) for u, v in FACE_TEMPLATE_UNIT)
    return Detection(x_px, y_px, side_px, side_px, 0.9, points)


@pytest.mark.parametrize(
    ("side_px", "blur", "brightness", "yaw_deg", "reason"),
    [
        (100, 80, 120, 0, None),
        (20, 80, 120, 0, RowReason.FACE_TOO_SMALL),
        (100, 80, 120, -75, RowReason.FACE_IN_PROFILE),
        (100, 80, 10, 0, RowReason.FACE_TOO_DARK),
        (100, 80, 250, 0, RowReason.FACE_TOO_BRIGHT),
        (100, 1, 120, 0, RowReason.FACE_BLURRED),
    ],
)
def test_the_first_rule_that_holds_names_the_reason(
    side_px: float, blur: float, brightness: float, yaw_deg: float, reason: RowReason | None
) -> None:
    measures = FaceMeasures(blur=blur, brightness=brightness, yaw_deg=yaw_deg, roll_deg=0)
    assert reason_for(box(side_px=side_px), measures, LIMITS) is reason


# --- Cuts -------------------------------------------------------------------------------


def is_cut(before: Image, after: Image) -> bool:
    return cuts.change_between(cuts.signature_of(before), cuts.signature_of(after)).is_cut


def test_movement_and_light_are_no_cuts() -> None:
    pictures = []
    for x_px in (200, 300, 420):
        picture = texture((640, 360), 1)
        paste(picture, head(), (x_px, 180), 200)
        pictures.append(picture)
    assert not any(is_cut(a, b) for a, b in itertools.pairwise(pictures))
    relit = [np.clip(pictures[0] * gain, 0, 255).astype(np.uint8) for gain in (0.6, 0.8, 1.25, 1.5)]
    assert not any(is_cut(pictures[0], picture) for picture in relit)


def test_another_picture_is_a_cut() -> None:
    from skimage import data

    pictures = [astronaut(), data.coffee(), data.chelsea(), data.rocket(), texture((640, 360))]
    assert all(is_cut(a, b) for a, b in itertools.combinations(pictures, 2))


# --- Assignment and tracking ------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 4).flatmap(
        lambda rows: st.lists(
            st.lists(st.floats(0, 10), min_size=5, max_size=5), min_size=rows, max_size=rows
        )
    )
)
def test_the_assignment_is_the_cheapest(cost: list[list[float]]) -> None:
    columns = cheapest_assignment(cost)
    assert len(set(columns)) == len(columns)
    best = min(
        sum(cost[row][column] for row, column in enumerate(choice))
        for choice in itertools.permutations(range(5), len(cost))
    )
    assert sum(cost[row][column] for row, column in enumerate(columns)) == pytest.approx(best)


def test_fewer_columns_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="columns"):
        cheapest_assignment([[1.0], [2.0]])
