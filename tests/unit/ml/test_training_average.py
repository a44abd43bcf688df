"""Averages of runs: what is averaged, what is kept, what is refused."""

from __future__ import annotations

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from include.contracts.errors import ConfigurationError
from ml.models.mobilenet import build_mobilenet_v2
from ml.training.average import average_runs, averaged_from
from ml.training.loop import BEST_WEIGHTS, RECIPE_COPY


def _run(folder, name: str, seed: int, **model):
    folder.mkdir()
    content = {
        "name": name,
        "seed": seed,
        "model": {"width": 0.25, "weights": "var/first/best.safetensors", **model},
        "optimiser": {"learning_rate": 0.001, "weight_decay": 0.01},
        "stages": [{"input_side_px": 48, "epochs": 1}],
    }
    (folder / RECIPE_COPY).write_text(yaml.safe_dump(content))
    torch.manual_seed(seed)
    state = build_mobilenet_v2(width=0.25).state_dict()
    state["features.0.1.num_batches_tracked"] += seed
    save_file({k: v.contiguous() for k, v in state.items()}, folder / BEST_WEIGHTS)
    return folder


def test_weights_lie_in_the_middle_and_the_record_names_both(tmp_path):
    runs = [_run(tmp_path / "a", "one", 3), _run(tmp_path / "b", "two", 8)]
    average_runs(runs, tmp_path / "out")
    first, second, mean = (load_file(f / BEST_WEIGHTS) for f in (*runs, tmp_path / "out"))
    name = "features.1.conv.0.0.weight"
    torch.testing.assert_close(mean[name], (first[name] + second[name]) / 2)
    assert not torch.equal(first[name], second[name])
    assert int(mean["features.0.1.num_batches_tracked"]) == 8
    record = averaged_from(tmp_path / "out")
    assert [entry["recipe"] for entry in record] == ["one", "two"]
    assert len({entry["sha256"] for entry in record}) == 2
    assert averaged_from(runs[0]) == []


def test_a_run_and_those_that_went_on_from_it_have_one_start(tmp_path):
    first = _run(tmp_path / "a", "one", 3)
    second = _run(tmp_path / "b", "two", 8, weights=str(first / BEST_WEIGHTS))
    third = _run(tmp_path / "c", "three", 9, weights=str(second / BEST_WEIGHTS))
    average_runs([first, second], tmp_path / "pair")
    average_runs([first, second, third], tmp_path / "line")
    further = _run(tmp_path / "d", "four", 5, weights=str(tmp_path / "pair" / BEST_WEIGHTS))
    average_runs([tmp_path / "pair", further], tmp_path / "out")
    pair, fourth = averaged_from(tmp_path / "out")
    assert [entry["recipe"] for entry in pair["averaged"]] == ["one", "two"]
    assert fourth["averaged"] == []
    with pytest.raises(ConfigurationError, match="has another network or start"):
        average_runs([first, third], tmp_path / "apart")  # second, between them, is not given


def test_runs_that_cannot_be_averaged_are_named(tmp_path):
    run = _run(tmp_path / "a", "one", 3)
    other = _run(tmp_path / "b", "two", 8, weights="var/second/best.safetensors")
    with pytest.raises(ConfigurationError, match=f"{run} has another network or start"):
        average_runs([run, other], tmp_path / "out")
    with pytest.raises(ConfigurationError, match="two runs or more"):
        average_runs([run], tmp_path / "out")
    (run / BEST_WEIGHTS).write_bytes(b"broken")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        average_runs([run, run], tmp_path / "out")
