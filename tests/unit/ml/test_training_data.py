"""The rows of a run: by manifest, or by content hash for the age task."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from include.contracts.errors import ConfigurationError
from ml.data.fairface import AGE_BANDS
from ml.data.ferplus import load_ferplus
from ml.data.records import tabulate
from ml.data.splits import make_split
from ml.training.data import load_run_data
from ml.training.loop import BEST_WEIGHTS, Trainer
from ml.training.network import make_network
from ml.training.recipe import Recipe
from tests.unit.ml.conftest import generated_face
from tests.unit.ml.data_tools import fairface_zip


def _recipe(**changes) -> Recipe:
    content = {
        "name": "data",
        "seed": 5,
        "model": {"width": 0.25},
        "optimiser": {"learning_rate": 0.004, "weight_decay": 0.01},
        "stages": [{"input_side_px": 32, "epochs": 1, "batch": 32}],
    }
    return Recipe.model_validate(content | changes)


@pytest.fixture(scope="module")
def ages_zip(tmp_path_factory):
    """90 faces in FairFace's layout, ten of each age band."""
    path = tmp_path_factory.mktemp("ages") / "faces.zip"
    colour = (
        cv2.cvtColor(generated_face(number % 7, number), cv2.COLOR_GRAY2BGR) for number in range(90)
    )
    faces = ((face, AGE_BANDS[n % 9], "Male", "White") for n, face in enumerate(colour))
    return fairface_zip(path, faces)


def test_rows_follow_the_manifest_and_are_named_by_hash(tmp_path, ferplus_zip):
    table = tabulate(load_ferplus(ferplus_zip))
    manifest = make_split(table, seed=0)
    path = tmp_path / "split.txt.gz"
    path.write_bytes(manifest.to_bytes())
    data = load_run_data(_recipe(), [("ferplus", ferplus_zip)], path, tmp_path / "nowhere")
    assert len(data.train) == len(manifest.rows(table, "train"))
    assert len(data.validation) == len(manifest.rows(table, "validation"))
    assert data.hashes["split_sha256"] == manifest.sha256
    assert data.hashes["train_sha256"] != data.hashes["validation_sha256"]


def test_the_age_task_splits_by_content_and_starts_another_recipe(tmp_path, ages_zip, ferplus_zip):
    recipe = _recipe(data={"task": "age"})
    data = load_run_data(recipe, [], tmp_path / "nowhere", ages_zip)
    again = load_run_data(recipe, [], tmp_path / "nowhere", ages_zip)
    assert data.hashes == again.hashes
    assert len(data.train) + len(data.validation) == 90
    assert 0 < len(data.validation) < 15
    assert (data.train.counts() + data.validation.counts()).tolist() == [10] * 9
    seen = {image.tobytes() for image in data.train.images}
    assert not seen & {image.tobytes() for image in data.validation.images}

    trainer = Trainer(recipe, data.train, data.validation, tmp_path, report=lambda _: None)
    trainer.run()
    weights = str(tmp_path / BEST_WEIGHTS)
    started = make_network(_recipe(model={"width": 0.25, "weights": weights}))
    assert started.classifier[1].out_features == 7
    first = started.features[0][0].weight.detach().numpy()
    assert np.array_equal(first, trainer.averaged.features[0][0].weight.detach().numpy())


def test_a_run_without_scored_pictures_is_refused(tmp_path, generated_table):
    nothing = generated_table.select(np.array([], np.int64))
    with pytest.raises(ConfigurationError, match="no validation picture"):
        Trainer(_recipe(), generated_table, nothing, tmp_path)
