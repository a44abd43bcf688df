"""The recipe of a retraining fits the shipped model: its network, its input, its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from include.contracts.errors import ConfigurationError
from include.pipeline.model_retraining.assemble import champion_recipe
from include.settings import RetrainingSettings
from ml.packaging.build import WEIGHTS_MEMBER
from ml.packaging.unpack import read_package, read_signature
from ml.registry.champion import PACKAGED
from ml.training.job import START_WEIGHTS
from ml.training.network import make_network


def test_the_default_recipe_goes_on_from_the_shipped_model(tmp_path: Path) -> None:
    recipe = champion_recipe(RetrainingSettings(), RetrainingSettings().recipe, PACKAGED)
    sealed = read_signature(PACKAGED)
    assert recipe.stages[-1].input_side_px == sealed.input.side_px
    assert recipe.model.weights == START_WEIGHTS
    weights = tmp_path / START_WEIGHTS
    weights.write_bytes(read_package(PACKAGED)[WEIGHTS_MEMBER])
    start = recipe.model.model_copy(update={"weights": str(weights)})
    network = make_network(recipe.model_copy(update={"model": start}))
    wanted = load_file(weights)
    started = network.state_dict()
    assert started.keys() == wanted.keys()
    assert all(bool((started[name] == tensor).all()) for name, tensor in wanted.items())


def test_a_recipe_of_another_network_is_refused_before_it_costs_anything() -> None:
    with pytest.raises(ConfigurationError, match="does not fit the champion"):
        champion_recipe(RetrainingSettings(), "baseline", PACKAGED)
