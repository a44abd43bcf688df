"""Distillation: a teacher's answers and features, unlabelled faces, their way into training."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from include.contracts.errors import ConfigurationError
from include.contracts.labels import EXPRESSIONS
from ml.models.preprocessing import network_input
from ml.models.zoo import build_network
from ml.training.batches import Batches
from ml.training.data import RunData
from ml.training.distillation import central_square, prepare_lesson
from ml.training.examples import Examples, scored_examples, training_examples
from ml.training.loop import BEST_WEIGHTS, LAST_WEIGHTS, RECIPE_COPY, Trainer
from ml.training.recipe import DataPart, DistillationPart, LossPart, Recipe
from ml.training.step import Objective
from tests.unit.ml import data_tools
from tests.unit.ml.conftest import generated_face


@pytest.fixture(scope="module")
def fairface_zip(tmp_path_factory):
    """21 colour faces of 64 px in FairFace's layout."""
    path = tmp_path_factory.mktemp("fairface") / "faces.zip"
    drawn = (cv2.resize(generated_face(n % 7, 500 + n), (64, 64)) for n in range(21))
    colour = (cv2.applyColorMap(face, cv2.COLORMAP_BONE) for face in drawn)
    return data_tools.fairface_zip(path, ((face, "20-29", "Female", "Black") for face in colour))


@pytest.fixture(scope="module")
def teacher_run(tmp_path_factory, generated_table):
    """A run of another architecture than the student's."""
    run = tmp_path_factory.mktemp("teacher")
    content = {
        "name": "teacher",
        "seed": 3,
        "model": {"architecture": "resnet18"},
        "optimiser": {"learning_rate": 0.002, "weight_decay": 0.01, "ema_decay": 0.5},
        "stages": [{"input_side_px": 32, "epochs": 1, "batch": 16}],
    }
    (run / RECIPE_COPY).write_text(yaml.safe_dump(content))
    recipe = Recipe.model_validate(content)
    Trainer(recipe, generated_table, generated_table, run, report=lambda _: None).run()
    return run


@pytest.fixture(scope="module")
def run_data(generated_table) -> RunData:
    part = DataPart()
    return RunData(
        training_examples(generated_table, part), scored_examples(generated_table, part), {}
    )


def _lesson(run, data, faces, out, report=lambda _: None, **changes):
    part = DistillationPart(teacher=run, **changes)
    return prepare_lesson(part, data, faces, out, report)


def test_targets_are_the_teachers_calibrated_answers_and_cached(
    tmp_path, fairface_zip, teacher_run, run_data, monkeypatch
):
    lines: list[str] = []
    lesson = _lesson(
        teacher_run, run_data, fairface_zip, tmp_path, lines.append, labelled_share=0.25, features=1
    )
    network = build_network("resnet18", classes=7)
    network.load_state_dict(load_file(teacher_run / BEST_WEIGHTS))
    with torch.inference_mode():
        logits = network.eval()(network_input(torch.from_numpy(lesson.unlabelled.images), 32))
    temperature = float(next(line for line in lines if "temperature" in line).split()[-1])
    expected = (logits / temperature).softmax(dim=1).numpy()
    np.testing.assert_allclose(lesson.unlabelled.targets, expected, atol=2e-3)

    votes, blended = run_data.train.targets, lesson.labelled.targets
    np.testing.assert_allclose(blended.sum(axis=1), 1, atol=1e-5)
    taught = (blended - 0.75 * votes) / 0.25
    assert taught.min() > -1e-4
    assert not np.allclose(taught, votes, atol=0.05)
    assert lesson.labelled.hints.shape == (len(run_data.train), 512)
    np.testing.assert_allclose(np.linalg.norm(lesson.unlabelled.hints, axis=1), 1, atol=1e-5)

    # From now on the teacher is not asked: another temperature reads the same answers.
    monkeypatch.setattr("ml.training.teacher.Teacher.answer", None)
    sharper = _lesson(teacher_run, run_data, fairface_zip, tmp_path, temperature=0.5)
    assert np.all(sharper.unlabelled.targets.max(axis=1) > lesson.unlabelled.targets.max(axis=1))
    np.testing.assert_array_equal(sharper.labelled.targets, votes)
    assert not sharper.labelled.hints.size

    for cached in tmp_path.glob("taught-*.safetensors"):
        cached.write_bytes(cached.read_bytes()[:40])
    with pytest.raises(ConfigurationError, match=r"taught-.* is damaged"):
        _lesson(teacher_run, run_data, fairface_zip, tmp_path)


def test_unsure_pictures_are_left_out(tmp_path, fairface_zip, teacher_run, run_data):
    everything = _lesson(teacher_run, run_data, fairface_zip, tmp_path).unlabelled
    border = float(np.median(everything.targets.max(axis=1)))
    sure = _lesson(teacher_run, run_data, fairface_zip, tmp_path, min_confidence=border).unlabelled
    assert len(sure) == 11
    assert sure.targets.max(axis=1).min() >= border
    with pytest.raises(ConfigurationError, match="min_confidence"):
        _lesson(teacher_run, run_data, fairface_zip, tmp_path, min_confidence=1.0)


def test_labels_for_a_subset_of_the_classes_sum_to_one(
    tmp_path, fairface_zip, teacher_run, generated_table
):
    part = DataPart(classes=("happiness", "neutral"))
    data = RunData(
        training_examples(generated_table, part), scored_examples(generated_table, part), {}
    )
    taught = _lesson(teacher_run, data, fairface_zip, tmp_path).unlabelled
    assert taught.targets.shape == (21, 2)
    np.testing.assert_allclose(taught.targets.sum(axis=1), 1, atol=1e-5)


def test_a_teacher_that_is_no_run_is_named(tmp_path, fairface_zip, run_data):
    with pytest.raises(ConfigurationError, match="nowhere"):
        _lesson(tmp_path / "nowhere", run_data, fairface_zip, tmp_path)


def test_a_crop_is_central():
    picture = np.arange(80, dtype=np.uint8).reshape(8, 10)
    assert central_square(picture[:, :8], 1.0).tolist() == picture[:, :8].tolist()
    assert central_square(picture, 0.5).tolist() == picture[2:6, 3:7].tolist()


def _recipe(run, **changes) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "taught",
            "seed": 5,
            "model": {"width": 0.25},
            "optimiser": {"learning_rate": 0.004, "weight_decay": 0.01},
            "augmentation": {"mixup": 0},
            "distillation": {"teacher": str(run), "unlabelled_share": 0.5, **changes},
            "stages": [{"input_side_px": 32, "epochs": 1, "batch": 16}],
        }
    )


def test_a_batch_holds_unlabelled_pictures_in_their_share(generated_table, teacher_run):
    recipe = _recipe(teacher_run)
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
    # The labelled pictures are those of a training without unlabelled ones.
    alone = Batches(recipe, labelled, None, torch.device("cpu")).make(np.arange(16), 32, 3)
    assert torch.equal(alone[0], grey[:16])


def test_a_student_follows_the_features_and_keeps_its_classes_alone(
    tmp_path, generated_table, fairface_zip, teacher_run, run_data
):
    recipe = _recipe(teacher_run, features=2.0, labelled_share=0.5)
    lesson = prepare_lesson(recipe.distillation, run_data, fairface_zip, tmp_path, lambda _: None)
    trainer = Trainer(
        recipe, lesson.labelled, run_data.validation, tmp_path, taught=lesson.unlabelled
    )
    assert trainer.run().total_steps == 5
    kept = load_file(tmp_path / LAST_WEIGHTS)
    assert kept["classifier.1.weight"].shape == (7, 1280)
    build_network("mobilenet_v2", classes=7, width=0.25).load_state_dict(kept)
    assert json.loads((tmp_path / "history.jsonl").read_text())["epoch"] == 1
    # A resumed run finds the layer of the features again.
    assert (
        Trainer(recipe, lesson.labelled, run_data.validation, tmp_path, taught=lesson.unlabelled)
        .run()
        .total_steps
        == 5
    )


def test_the_loss_adds_the_distance_of_the_features(run_data):
    objective = Objective(LossPart(), run_data.train, torch.device("cpu"), hint_weight=3.0)
    targets = torch.tensor([[0, 0, 0, 1, 0, 0, 0, 1.0, 0.0]])
    logits = [0, 0, 0, 2.0, 0, 0, 0]
    plain = float(objective(torch.tensor([logits]), targets))
    same = float(objective(torch.tensor([[*logits, 5.0, 0.0]]), targets))
    across = float(objective(torch.tensor([[*logits, 0.0, 5.0]]), targets))
    assert same == pytest.approx(plain, abs=1e-5)
    assert across == pytest.approx(plain + 3, abs=1e-5)
