from __future__ import annotations

import importlib.util
from collections import Counter

import cv2
import numpy as np
import pytest

from benchmarks import end_to_end
from include.contracts.labels import EXPRESSIONS
from include.settings import ExtractionSettings
from ml.evaluation.answers import open_package
from ml.evaluation.crop_policy import paste
from ml.evaluation.golden import golden_pictures
from ml.evaluation.rows import ScoredRows


def _portrait():
    data = np.frombuffer(golden_pictures()["portrait"], np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def _rows(images):
    happiness = EXPRESSIONS.index("happiness")
    votes = np.zeros((len(images), 10), np.int64)
    votes[:, happiness] = 10
    keys = tuple(str(i) for i in range(len(images)))
    return ScoredRows("made", keys, tuple(images), votes, np.full(len(images), happiness))


def test_a_face_goes_from_the_frame_to_the_answer(committed_package, tmp_path):
    package = open_package(committed_package, tmp_path)
    flat = np.full((48, 48), 128, np.uint8)
    analyse = end_to_end.analyser(ExtractionSettings())
    handed_over, right, reasons = end_to_end.run_size(
        _rows([_portrait(), flat, _portrait()]), 160, package, analyse
    )
    assert handed_over.tolist() == [True, False, True]
    assert right.tolist() == [True, False, True]
    assert reasons == Counter({end_to_end.NOT_FOUND: 1})


def test_a_face_elsewhere_in_the_frame_is_not_the_pasted_one():
    where = paste(_portrait(), 160, np.random.default_rng(0))
    faces = end_to_end.analyser(ExtractionSettings()).analyse(0, where.frame).faces
    assert end_to_end.face_at(faces, where) is faces[0]
    moved = type(where)(where.frame, (where.centre_px[0] + 200, where.centre_px[1]), 160)
    assert end_to_end.face_at(faces, moved) is None


def test_the_two_differences_by_hand():
    direct = np.array([True, True, False, True])[:, None]
    handed_over = np.array([True, True, True, False])[:, None]
    right = np.array([True, False, True, False])[:, None]
    found = end_to_end.result(80, direct, handed_over, right)
    assert found.handed_over.value == 0.75
    assert found.direct_handed_over.value == found.pipeline.value == pytest.approx(2 / 3)
    assert found.difference.value == pytest.approx(0)
    assert found.difference_all.value == pytest.approx((2 - 3) / 4)


def test_all_sizes_together_weigh_each_arrival_alike():
    direct = np.ones((2, 2), bool)
    handed_over = np.array([[True, True], [True, False]])
    right = np.array([[True, False], [True, False]])
    found = end_to_end.result(None, direct, handed_over, right)
    assert found.pipeline.value == pytest.approx(2 / 3)
    table = end_to_end.format_results([found, found], Counter({"no face found": 1}), 2)
    assert "outside the goal" in table
    assert "no face found 1" in table


def test_faces_are_handed_to_fer_without_pickle(tmp_path):
    specification = importlib.util.find_spec("benchmarks.fer_baseline.__main__")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.hand_over(_rows([_portrait(), _portrait()]), tmp_path / "faces.npz")
    with np.load(tmp_path / "faces.npz", allow_pickle=False) as faces:
        assert faces["images"].shape == (2, 112, 112)
        assert faces["keys"].tolist() == ["0", "1"]
        assert faces["labels"].tolist() == list(EXPRESSIONS)
