"""Self-training: crops of unlabelled faces, a teacher's labels, their way into batches."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.models.mobilenet import build_mobilenet_v2
from ml.models.preprocessing import network_input
from ml.packaging.unpack import read_package
from ml.training.batches import Batches
from ml.training.examples import Examples, training_examples
from ml.training.loop import LAST_WEIGHTS, Trainer
from ml.training.recipe import Recipe, SelfTrainingPart
from ml.training.self_training import central_square, taught_examples
from tests.unit.ml.conftest import generated_face


@pytest.fixture(scope="module")
def fairface_zip(tmp_path_factory):
    """21 colour faces of 64 px in FairFace's layout."""
    path = tmp_path_factory.mktemp("fairface") / "faces.zip"
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["file", "age", "gender", "race"])
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(21):
            face = cv2.resize(generated_face(number % 7, 500 + number), (64, 64))
            colour = cv2.applyColorMap(face, cv2.COLORMAP_BONE)
            archive.writestr(f"images/{number}.png", cv2.imencode(".png", colour)[1].tobytes())
            writer.writerow([f"{number}.png", "20-29", "Female", "Black"])
        archive.writestr("labels.csv", sheet.getvalue())
    return path


def _network_of(package):
    content = read_package(package)
    signature = json.loads(content["signature.json"])
    network = build_mobilenet_v2(width=signature["architecture"]["width"])
    network.load_state_dict(load(content["model.safetensors"]))
    return network.eval(), signature


def _part(package, **changes) -> SelfTrainingPart:
    return SelfTrainingPart(teacher=package, **changes)


def test_labels_are_the_teachers_mirror_averaged_and_cached(
    tmp_path, fairface_zip, committed_package, monkeypatch
):
    part = _part(committed_package)
    taught = taught_examples(part, EXPRESSIONS, fairface_zip, tmp_path, lambda _: None)
    assert taught.images.shape == (21, 64, 64)

    network, signature = _network_of(committed_package)
    pictures = torch.from_numpy(taught.images)
    with torch.inference_mode():
        one, other = (
            network(network_input(p, signature["input"]["side_px"]))
            for p in (pictures, pictures.flip(2))
        )
    assert not torch.allclose(one, other, atol=0.05)
    expected = ((one + other) / 2 / signature["temperature"]).softmax(dim=1)
    np.testing.assert_allclose(taught.targets, expected.numpy(), atol=2e-3)

    # From now on the teacher is not asked: another temperature reads the same answers.
    monkeypatch.setattr("ml.training.self_training.packed_logits", None)
    sharper = taught_examples(
        _part(committed_package, temperature=0.5), EXPRESSIONS, fairface_zip, tmp_path, print
    )
    assert np.all(sharper.targets.max(axis=1) > taught.targets.max(axis=1))

    cached = next(tmp_path.glob("taught-*.safetensors"))
    cached.write_bytes(cached.read_bytes()[:40])
    with pytest.raises(ConfigurationError, match=cached.name):
        taught_examples(part, EXPRESSIONS, fairface_zip, tmp_path, print)


def test_unsure_pictures_are_left_out(tmp_path, fairface_zip, committed_package):
    everything = taught_examples(
        _part(committed_package), EXPRESSIONS, fairface_zip, tmp_path, lambda _: None
    )
    border = float(np.median(everything.targets.max(axis=1)))
    sure = taught_examples(
        _part(committed_package, min_confidence=border), EXPRESSIONS, fairface_zip, tmp_path, print
    )
    assert len(sure) == 11
    assert sure.targets.max(axis=1).min() >= border
    with pytest.raises(ConfigurationError, match="min_confidence"):
        taught_examples(
            _part(committed_package, min_confidence=1.0), EXPRESSIONS, fairface_zip, tmp_path, print
        )


def test_labels_for_a_subset_of_the_classes_sum_to_one(tmp_path, fairface_zip, tiny_package):
    names = ("happiness", "neutral")
    taught = taught_examples(_part(tiny_package[0]), names, fairface_zip, tmp_path, print)
    assert taught.targets.shape == (21, 2)
    np.testing.assert_allclose(taught.targets.sum(axis=1), 1, atol=1e-5)


def test_a_crop_is_central():
    picture = np.arange(80, dtype=np.uint8).reshape(8, 10)
    assert central_square(picture[:, :8], 1.0).tolist() == picture[:, :8].tolist()
    assert central_square(picture, 0.5).tolist() == picture[2:6, 3:7].tolist()


def _recipe(package, **changes) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "taught",
            "seed": 5,
            "model": {"width": 0.25},
            "optimiser": {"learning_rate": 0.004, "weight_decay": 0.01},
            "augmentation": {"mixup": 0},
            "self_training": {"teacher": str(package), "share": 0.5, **changes},
            "stages": [{"input_side_px": 32, "epochs": 1, "batch": 16}],
        }
    )


def test_a_batch_holds_unlabelled_pictures_in_their_share(generated_table, tiny_package):
    recipe = _recipe(tiny_package[0])
    labelled = training_examples(generated_table, recipe.data)
    marked = np.full((30, 7), 1 / 7, np.float32)
    taught = Examples(np.full((30, 64, 64), 128, np.uint8), marked, EXPRESSIONS)
    batches = Batches(recipe, labelled, taught, torch.device("cpu"))
    grey, targets = batches.make(np.arange(16), 32, 3)
    assert grey.shape == (24, 1, 32, 32)
    assert torch.equal(targets[16:], torch.full((8, 7), 1 / 7))
    assert torch.equal(targets[:16], torch.from_numpy(labelled.targets[:16]))
    again = batches.make(np.arange(16), 32, 3)
    assert torch.equal(grey, again[0])
    # The labelled pictures are those of a training without self-training.
    alone = Batches(recipe, labelled, None, torch.device("cpu")).make(np.arange(16), 32, 3)
    assert torch.equal(alone[0], grey[:16])


def test_a_student_trains(tmp_path, generated_table, fairface_zip, tiny_package):
    recipe = _recipe(tiny_package[0])
    assert recipe.self_training is not None
    taught = taught_examples(
        recipe.self_training, recipe.data.names, fairface_zip, tmp_path, lambda _: None
    )
    progress = Trainer(recipe, generated_table, generated_table, tmp_path, taught=taught).run()
    assert progress.total_steps == 5
    assert (tmp_path / LAST_WEIGHTS).is_file()
    assert json.loads((tmp_path / "history.jsonl").read_text())["epoch"] == 1
