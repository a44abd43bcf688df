from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from ml.evaluation.golden import (
    TRUTH,
    GoldenImageError,
    check_golden,
    golden_pictures,
    reference_answers,
)
from ml.evaluation.golden_pictures import make
from ml.packaging.build import GRAPH_MEMBER, WEIGHTS_MEMBER, build_package
from ml.packaging.unpack import read_package, read_signature, unpack_package
from ml.serving.handler import PackedModel


def _changed(package, out, change):
    """Build the package again with another signature, properly sealed."""
    content = read_package(package)
    signature = change(read_signature(package))
    build_package(content[WEIGHTS_MEMBER], signature, out, graph=content.get(GRAPH_MEMBER))
    return out


def test_the_committed_package_passes(committed_package):
    check_golden(committed_package)


def _swap_labels(signature):
    first, second, third, fourth, *others = signature.labels
    return replace(signature, labels=(fourth, second, third, first, *others))


def _swap_labels_and_answers(signature):
    """What a build with a wrong order would seal: wrong labels, answers to match."""
    golden = {
        name: {**answer, "anger": answer["happiness"], "happiness": answer["anger"]}
        for name, answer in signature.golden.items()
    }
    return replace(_swap_labels(signature), golden=golden)


def _sharper(signature):
    return replace(signature, preprocessing=replace(signature.preprocessing, contrast_floor=2.0))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_swap_labels, "differ by"),
        (_swap_labels_and_answers, "people see happiness"),
        (lambda s: replace(s, temperature=s.temperature * 3), "differ by"),
        (_sharper, "differ by"),
        (lambda s: replace(s, golden={}), "differ by"),
        (lambda s: replace(s, labels=("rage", *s.labels[1:])), "has the labels"),
    ],
    ids=["label order", "label order and answers", "temperature", "preprocessing", "none", "name"],
)
def test_a_wrong_package_fails(committed_package, tmp_path, change, said):
    package = _changed(committed_package, tmp_path / "model.tar.gz", change)
    with pytest.raises(GoldenImageError, match=said):
        check_golden(package)


def test_reference_answers_are_those_of_the_packed_model(tiny_package, tmp_path):
    package, network, signature = tiny_package
    stored = reference_answers(network, signature)
    model = PackedModel.open(unpack_package(package, tmp_path))
    for name, data in golden_pictures().items():
        answer = json.loads(model.invoke(data, "application/x-image")[0])
        assert answer["probabilities"] == pytest.approx(stored[name], abs=0.005)


def test_the_pictures_are_the_ones_the_script_makes():
    stored = golden_pictures()
    made = make()
    assert stored.keys() == made.keys()
    assert set(TRUTH) <= stored.keys()
    for name, picture in made.items():
        found = cv2.imdecode(np.frombuffer(stored[name], np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.abs(found.astype(int) - picture.astype(int)).max() <= 2


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image[:, ::-1],
        lambda image: cv2.convertScaleAbs(image, alpha=0.6),
        lambda image: cv2.convertScaleAbs(image, alpha=1.0, beta=30),
        lambda image: cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA),
        lambda image: cv2.GaussianBlur(image, (0, 0), 1.2),
        lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
    ],
    ids=["mirrored", "darker", "brighter", "smaller", "blurred", "grey"],
)
def test_a_smile_stays_a_smile(committed_package, tmp_path_factory, change):
    folder = tmp_path_factory.getbasetemp() / "committed"
    model = PackedModel.open(unpack_package(committed_package, folder))
    image = np.ascontiguousarray(change(make()["portrait"]))
    data = cv2.imencode(".png", image)[1].tobytes()
    answer = json.loads(model.invoke(data, "application/x-image")[0])
    assert answer["emotion"] == "happiness"
