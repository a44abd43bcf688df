from __future__ import annotations

import numpy as np
import pytest

from include.contracts.face_template import FACE_CROP_SIDE_PX, FACE_TEMPLATE_UNIT
from include.video.alignment import similarity_transform
from ml.evaluation.crop_policy import (
    FRAME_HEIGHT_PX,
    FRAME_WIDTH_PX,
    Face,
    aligned,
    boxed,
    compare,
    format_rows,
    pasted,
    similarity,
)
from tests.unit.ml.conftest import generated_face


def test_the_template_is_upright_symmetric_and_inside():
    left, right, nose, mouth_left, mouth_right = FACE_TEMPLATE_UNIT
    assert left[1] == right[1]
    assert left[0] + right[0] == pytest.approx(1)
    assert mouth_left[0] + mouth_right[0] == pytest.approx(1)
    assert 0 < left[1] < nose[1] < mouth_left[1] < 1


def test_the_transform_is_the_one_of_video_analysis():
    generator = np.random.default_rng(0)
    template = np.array(FACE_TEMPLATE_UNIT) * FACE_CROP_SIDE_PX
    landmarks = template * 1.7 + generator.normal(0, 3, (5, 2)) + (40, 90)
    ours = similarity(landmarks, template)
    theirs = similarity_transform([tuple(point) for point in landmarks], FACE_CROP_SIDE_PX)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_pasted_face_is_in_a_colour_frame():
    frame = pasted(generated_face(3, 0), np.random.default_rng(1))
    assert frame.shape == (FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3)
    assert frame.dtype == np.uint8
    again = pasted(generated_face(3, 0), np.random.default_rng(1))
    assert np.array_equal(frame, again)


def test_policies_cut_square_crops_also_over_the_border():
    frame = np.full((120, 160, 3), 90, np.uint8)
    face = Face((-10, 5, 60, 80), ((0, 30), (30, 30), (15, 45), (3, 60), (27, 60)))
    for policy in (aligned(1.0), aligned(0.8), boxed(0.0), boxed(0.3)):
        crop = policy(frame, face)
        assert crop.shape == (FACE_CROP_SIDE_PX, FACE_CROP_SIDE_PX, 3)
        assert crop.min() >= 89


def test_every_policy_is_measured_on_the_same_found_faces():
    faces = [generated_face(i % 7, i) for i in range(8)]
    labels = np.arange(8) % 7
    calls = iter([None, *[Face((100, 100, 50, 60), ((110, 120),) * 4 + ((130, 140),))] * 7])
    rows = compare(
        faces,
        labels,
        lambda frame: next(calls),
        lambda crops: np.full(len(crops), 1),
        policies={"boxed": boxed(0.1), "aligned": aligned(1)},
    )
    assert [row.policy for row in rows] == ["as stored, no frame", "boxed", "aligned"]
    assert {row.n for row in rows} == {7}
    assert {row.right for row in rows} == {1}
    assert rows[0].accuracy.low < 1 / 7 < rows[0].accuracy.high
    assert "found 7 of 8" in format_rows(rows, 8)
