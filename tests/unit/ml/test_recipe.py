from __future__ import annotations

import itertools

import pytest
import yaml

from include.contracts.errors import ConfigurationError
from ml.training.__main__ import DEFAULT_RECIPE
from ml.training.optimisation import learning_rate
from ml.training.recipe import read_recipe


def _write(tmp_path, **changes):
    content = yaml.safe_load(DEFAULT_RECIPE.read_text()) | changes
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_committed_recipe_is_valid():
    recipe = read_recipe(DEFAULT_RECIPE)
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
    ],
)
def test_a_wrong_key_is_named(tmp_path, changes, named):
    with pytest.raises(ConfigurationError, match=named):
        read_recipe(_write(tmp_path, **changes))


def test_a_missing_file_and_a_broken_one_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        read_recipe(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("stages: [")
    with pytest.raises(ConfigurationError, match=r"broken\.yaml"):
        read_recipe(broken)


def test_learning_rate_warms_up_then_falls():
    part = read_recipe(DEFAULT_RECIPE).optimiser
    rates = [learning_rate(part, done / 100, 20) for done in range(101)]
    assert max(rates) == pytest.approx(part.learning_rate)
    assert rates.index(max(rates)) == 5
    assert all(a >= b for a, b in itertools.pairwise(rates[5:]))
    assert rates[-1] == pytest.approx(part.learning_rate * part.final_share)
