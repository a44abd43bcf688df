"""From a training run to a package: what is fitted, what is kept, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.torch import save_file

from include.contracts.errors import ConfigurationError
from ml.packaging import seal
from ml.packaging.build import GRAPH_MEMBER
from ml.packaging.class_offsets import fit_class_offsets
from ml.packaging.seal import SealOptions, reseal, seal_run
from ml.packaging.signature import (
    SIGNATURE,
    Serving,
    Teacher,
    Training,
    licence_of,
    plain_signature,
)
from ml.packaging.unpack import package_sha256, read_package, read_signature
from tests.unit.ml.conftest import generated_records

RECIPE = {
    "name": "tiny",
    "seed": 5,
    "model": {"width": 0.25},
    "optimiser": {"learning_rate": 0.001, "weight_decay": 0.01},
    "stages": [{"input_side_px": 48, "epochs": 1, "batch": 16}],
}


@pytest.fixture
def run(tiny_package, tmp_path, monkeypatch) -> Path:
    """The folder of a finished run, and validation pictures that no manifest lists."""
    from ml.data.records import tabulate
    from ml.data.votes import majority

    table = tabulate(generated_records(6))
    monkeypatch.setattr(seal, "labelled_split", lambda data, split: (table, majority(table.votes)))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    state = {k: v.contiguous() for k, v in tiny_package[1].state_dict().items()}
    save_file(state, folder / "best.safetensors")
    return folder


def test_a_run_is_sealed_alike_each_time_and_says_what_it_fitted(run, tmp_path):
    options = SealOptions(version="9.0.0", precision="int8", class_offsets=True)
    paths = [tmp_path / name / "model.tar.gz" for name in ("a", "b")]
    first, second = (seal_run(run, Path("unread"), path, options) for path in paths)
    assert first == second == package_sha256(paths[0])
    signature = read_signature(paths[0])
    assert signature.serving == Serving("onnxruntime", "int8")
    assert signature.input.side_px == 48
    fitted = signature.calibration.class_offsets
    assert fitted.macro_f1_gain_out_of_fold.n == signature.calibration.n == 42
    assert len(signature.logit_offset) == 7
    assert signature.metrics["validation"].n == 42
    assert "test" not in signature.metrics
    assert signature.golden.keys() >= {"portrait"}
    assert signature.licence == licence_of(signature.training)


def test_the_record_names_the_runs_a_package_came_from(run, tmp_path):
    for name, weights in (("first", "imagenet-npm"), ("teacher", "vggface2-npm")):
        folder = tmp_path / name
        folder.mkdir()
        kind = "mobilenet_v1" if name == "teacher" else "mobilenet_v2"
        model = {"architecture": kind, "weights": weights}
        (folder / "recipe.yaml").write_text(
            yaml.safe_dump({**RECIPE, "name": name, "model": model})
        )
        (folder / "best.safetensors").write_bytes(b"read by its hash alone")
    recipe = {
        **RECIPE,
        "model": {**RECIPE["model"], "weights": str(tmp_path / "first" / "best.safetensors")},
        "distillation": {"teacher": str(tmp_path / "teacher")},
    }
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    seal_run(run, Path("unread"), tmp_path / "model.tar.gz", SealOptions(version="9.0.0"))
    training = read_signature(tmp_path / "model.tar.gz").training
    assert training.started_from == "recipe first, from imagenet-npm"
    assert training.teacher.architecture == "mobilenet_v1"
    assert training.teacher.started_from == "vggface2-npm"
    assert training.teacher.unlabelled is True
    assert str(tmp_path) not in repr(training)


def test_the_licence_names_what_the_weights_came_from():
    plain = licence_of(Training())
    assert "pretrained" not in plain
    assert "FairFace" not in plain
    teacher = Teacher("teacher", "mobilenet_v1", "vggface2-npm", "a" * 64, unlabelled=True)
    taught = licence_of(Training(started_from="imagenet-npm", teacher=teacher))
    assert "(imagenet-npm)" in taught
    assert "vggface2-npm" in taught
    assert "CC BY 4.0" in taught


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": {"task": "age"}}, "only networks that answer the seven expressions ship"),
        ({"data": {"classes": ["happiness", "sadness"]}}, "answers happiness, sadness"),
        ({"model": {"architecture": "resnet18"}}, "runs mobilenet_v2, not resnet18"),
    ],
)
def test_a_run_that_may_not_ship_is_refused(run, tmp_path, change, said):
    (run / "recipe.yaml").write_text(yaml.safe_dump(RECIPE | change))
    with pytest.raises(ConfigurationError, match=said):
        seal_run(run, Path("unread"), tmp_path / "model.tar.gz", SealOptions(version="1"))
    assert not (tmp_path / "model.tar.gz").exists()


def test_a_run_without_weights_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="train first"):
        seal_run(tmp_path, Path("unread"), tmp_path / "model.tar.gz", SealOptions(version="1"))


def test_engine_and_precision_can_be_sealed_anew(run, tiny_package, tmp_path):
    out = tmp_path / "model.tar.gz"
    data = Path("unread")
    reseal(tiny_package[0], out, Serving("onnxruntime", "int8"), data=data)
    small = read_package(out)
    again = tmp_path / "again.tar.gz"
    reseal(out, again, data=data)
    assert again.read_bytes() == out.read_bytes()
    reseal(out, again, Serving("torch", "fp32"), data=data)
    assert read_signature(again).serving == Serving("torch", "fp32")
    assert len(read_package(again)[GRAPH_MEMBER]) < len(small[GRAPH_MEMBER])


def test_a_signature_of_the_first_schema_is_brought_up_to_date(tiny_package):
    _, _, signature = tiny_package
    old = {**plain_signature(signature), "schema": 1}
    old["preprocessing"]["normalisation"] = "per picture to mean 0 and standard deviation 1"
    del old["serving"], old["logit_offset"]
    assert SIGNATURE.read(json.dumps(old), "signature.json") == signature


def _logits(seed: int, *, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers of a model that is calibrated on classes as frequent as `bias` says."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(len(bias), 700, p=bias)
    return generator.normal(size=(700, len(bias))) + 2 * np.eye(len(bias))[labels], labels


def test_offsets_help_rare_classes_where_they_were_missed():
    shares = np.array([0.7, 0.2, 0.1])
    logits, labels = _logits(1, bias=shares)
    fitted = fit_class_offsets(logits + 2 * np.log(shares), labels, temperature=1.0)
    assert fitted.strength > 0
    assert fitted.offsets[2] > fitted.offsets[1] > fitted.offsets[0] == 0
    assert 0 < fitted.gain.low <= fitted.gain.value <= fitted.gain.high


def test_classes_that_are_answered_too_readily_get_no_offset():
    shares = np.array([0.7, 0.2, 0.1])
    logits, labels = _logits(2, bias=shares)
    fitted = fit_class_offsets(logits - 2 * np.log(shares), labels, temperature=1.0)
    assert (fitted.strength, fitted.offsets) == (0.0, (0.0, 0.0, 0.0))
    assert fitted.gain.value == 0
    assert -0.05 < fitted.gain.low < 0 < fitted.gain.high < 0.05
