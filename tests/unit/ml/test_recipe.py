from __future__ import annotations

import itertools

import pytest
import yaml

from include.contracts.errors import ConfigurationError
from ml.training.__main__ import DEFAULT_RECIPE
from ml.training.optimisation import learning_rate
from ml.training.recipe import LossPart, read_recipe


def _write(tmp_path, **changes):
    content = yaml.safe_load(DEFAULT_RECIPE.read_text()) | changes
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    "path", sorted(DEFAULT_RECIPE.parent.rglob("*.yaml")), ids=lambda p: p.name
)
def test_the_committed_recipes_are_valid(path):
    recipe = read_recipe(path)
    assert recipe.ships == (recipe.data.task == "expression")
    assert recipe.stage_at(0) is recipe.stages[0]
    assert recipe.stage_at(recipe.epochs - 1) is recipe.stages[-1]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"optimizer": {}}, "optimizer"),
        ({"augmentation": {"flips": 0.5}}, r"augmentation\.flips"),
        ({"augmentation": {"flip": 1.5}}, r"augmentation\.flip"),
        ({"stages": [{"input_side_px": 8, "epochs": 1}]}, r"stages\.0\.input_side_px"),
        ({"stages": []}, "stages"),
        ({"seed": "today"}, "seed"),
        ({"model": {"architecture": "mobilenet_v9"}}, r"model\.architecture: .*mobilenet_v2"),
        ({"model": {"architecture": "vgg16", "width": 0.5}}, r"model\.width"),
        ({"model": {"width": 0.5, "weights": "imagenet-npm"}}, r"model\.weights"),
        ({"model": {"architecture": "vgg16", "weights": "imagenet-npm"}}, r"model\.weights"),
        ({"data": {"classes": ["joy", "neutral"]}}, r"data\.classes"),
        ({"data": {"classes": ["neutral", "neutral"]}}, r"data\.classes"),
        ({"data": {"task": "age", "classes": ["neutral", "fear"]}}, r"data\.classes"),
        ({"data": {"task": "gender"}}, r"data\.task"),
        ({"data": {"labels": "hard"}}, r"data\.labels"),
        ({"input": {"normalisation": "none"}}, r"input\.normalisation"),
        ({"loss": {"balancing": "oversampling"}}, r"loss\.balancing"),
        ({"loss": {"label_smoothing": 1}}, r"loss\.label_smoothing"),
        (
            {"loss": {"balancing": "class_balanced_loss", "balancing_strength": 1}},
            r"loss\.balancing_strength: .*beta",
        ),
        (
            {"loss": {"balancing": "smote", "balancing_strength": 1.5}},
            r"loss\.balancing_strength: .*smote",
        ),
        ({"stopping": {"patience": 0}}, r"stopping\.patience"),
        ({"stopping": {"metric": "loss"}}, r"stopping\.metric"),
        ({"precision": "fp16"}, "precision"),
        ({"distillation": {"features": 0.5}}, r"distillation\.teacher"),
        ({"distillation": {"teacher": "t", "set": "web"}}, r"distillation\.set"),
        (
            {"data": {"task": "age"}, "distillation": {"teacher": "t"}},
            r"distillation: .*data\.task",
        ),
    ],
)
def test_a_wrong_key_is_named(tmp_path, changes, named):
    with pytest.raises(ConfigurationError, match=rf"recipe\.yaml: {named}"):
        read_recipe(_write(tmp_path, **changes))


def test_every_wrong_key_is_named_at_once(tmp_path):
    path = _write(tmp_path, seed="today", loss={"balance": "none"})
    with pytest.raises(ConfigurationError, match=r"seed: .*; loss\.balance: "):
        read_recipe(path)


def test_strength_is_the_options_default_or_what_is_given():
    assert LossPart().strength == 0
    assert LossPart(balancing="class_balanced_loss").strength == 0.999
    assert LossPart(balancing="logit_adjustment", balancing_strength=0).strength == 0


def test_flat_names_every_value_by_its_key(tmp_path):
    recipe = read_recipe(_write(tmp_path, distillation={"teacher": "var/teacher"}))
    flat = recipe.flat()
    assert flat["optimiser.learning_rate"] == recipe.optimiser.learning_rate
    assert flat["stages.0.epochs"] == recipe.stages[0].epochs
    assert flat["distillation.teacher"] == "var/teacher"
    assert flat["data.classes"] is None
    assert flat["loss.balancing"] == "none"


def test_a_missing_file_and_a_broken_one_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        read_recipe(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("stages: [")
    with pytest.raises(ConfigurationError, match=r"broken\.yaml"):
        read_recipe(broken)


def test_learning_rate_warms_up_then_falls():
    part = read_recipe(DEFAULT_RECIPE).optimiser
    warm = part.warmup_epochs / 20
    rates = [learning_rate(part, warm * done / 5, 20) for done in range(5)]
    assert rates == sorted(rates)
    rates += [learning_rate(part, warm + (1 - warm) * done / 95, 20) for done in range(96)]
    assert max(rates) == pytest.approx(part.learning_rate)
    assert rates.index(max(rates)) == 5
    assert all(a >= b for a, b in itertools.pairwise(rates[5:]))
    assert rates[-1] == pytest.approx(part.learning_rate * part.final_share)
