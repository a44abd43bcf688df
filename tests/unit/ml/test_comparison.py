from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from include.contracts.errors import ConfigurationError
from ml.comparison.__main__ import main
from ml.comparison.capstone import REPORTED
from ml.comparison.complexity import count_flops, count_parameters
from ml.comparison.forecast import Forecast, spoken
from ml.comparison.latency import BATCHES, Latency, measure_latency
from ml.comparison.machine import Machine
from ml.comparison.page import as_html
from ml.comparison.picture import as_svg
from ml.comparison.plan import RECIPES, TASKS, Budget, fingerprint, recipe_for
from ml.comparison.report import Comparison, Counts, as_json
from ml.comparison.result import Result, read_result, write_result
from ml.comparison.rows import load_rows
from ml.comparison.table import as_csv, as_markdown
from ml.comparison.training import trained_network
from ml.data.ferplus import load_ferplus
from ml.data.records import tabulate
from ml.data.splits import make_split
from ml.models.zoo import ARCHITECTURES, build_network
from ml.training.validation import predict

ROOT = Path(__file__).parents[3]


def result(architecture: str, accuracy: float) -> Result:
    def figure(value: float) -> dict:
        return {"value": value, "low": value - 0.02, "high": value + 0.02, "n": 500}

    figures = {"accuracy": figure(accuracy), "macro_f1": figure(0.5), "log_loss": figure(1.0)}
    return Result(architecture, "abc", 1_500_000, 90_000_000, 75.0, 3, {"figures": figures})


def compared() -> Comparison:
    """Two networks measured, a third waiting."""
    return Comparison(
        task=TASKS["four"],
        budget=Budget(epochs=3, side_px=48, subset=1000),
        counts=Counts(1000, 20_000, 500, "neutral", 0.41),
        split_sha256="0" * 64,
        results=(result("resnet18", 0.8), result("baseline_cnn", 0.7)),
        latency={
            name: {batch: Latency(ms, ms - 0.5, ms + 0.5, 9) for batch in BATCHES}
            for name, ms in (("resnet18", 7.0), ("baseline_cnn", 1.5))
        },
        waiting=("vgg16",),
        machine=Machine("a CPU", 2, 1, None, "2.13.0", 0.3),
    )


@pytest.fixture
def comparison() -> Comparison:
    return compared()


# -- the plan


def test_families_differ_in_their_learning_rate_only():
    files = sorted(RECIPES.glob("*.yaml"))
    assert {path.stem for path in files} == {a.family for a in ARCHITECTURES.values()}
    contents = [yaml.safe_load(path.read_text()) for path in files]
    for content in contents:
        assert content.pop("name")
        assert content["model"].pop("architecture") in ARCHITECTURES
        assert 0 < content["optimiser"].pop("learning_rate") <= 0.002
        assert content == contents[0]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_budget_changes_epochs_and_side_and_nothing_else(name):
    short, long = (recipe_for(name, TASKS["four"], Budget(n, 64)) for n in (2, 30))
    assert short.data.names == ("happiness", "neutral", "sadness", "surprise")
    assert short.model.architecture == name
    assert (short.epochs, short.stages[0].input_side_px) == (2, 64)
    # A tenth of a short training is warm-up, an epoch of a long one.
    assert short.optimiser.warmup_epochs == pytest.approx(0.2)
    assert long.optimiser.warmup_epochs == 1
    same = {"stages", "optimiser"}
    assert short.model_dump(exclude=same) == long.model_dump(exclude=same)
    seven = recipe_for(name, TASKS["seven"], Budget(2, 48))
    assert len(seven.data.names) == 7
    assert seven.ships


def test_a_side_out_of_range_is_named():
    with pytest.raises(ConfigurationError, match=r"--side 16.*input_side_px"):
        recipe_for("vgg16", TASKS["seven"], Budget(2, 16))


def test_the_fingerprint_follows_whatever_decides_the_weights():
    task, budget = TASKS["seven"], Budget(2, 48)
    recipe = recipe_for("resnet18", task, budget)
    names = {
        fingerprint(recipe, "rows"),
        fingerprint(recipe, "other rows"),
        fingerprint(recipe_for("resnet18", TASKS["four"], budget), "rows"),
        fingerprint(recipe_for("resnet18", task, Budget(3, 48)), "rows"),
        fingerprint(recipe_for("vgg16", task, budget), "rows"),
    }
    assert len(names) == 5
    assert fingerprint(recipe, "rows") in names


@pytest.fixture(scope="session")
def split(ferplus_zip, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("split") / "split.txt.gz"
    table = tabulate(load_ferplus(ferplus_zip))
    path.write_bytes(make_split(table, seed=1, held_out_share=0.2).to_bytes())
    return path


def test_a_subset_is_the_same_for_all_and_leaves_test_whole(ferplus_zip, split):
    task = TASKS["four"]
    whole = load_rows(ferplus_zip, split, task, Budget(1, 48))
    first, second = (load_rows(ferplus_zip, split, task, Budget(1, 48, 20)) for _ in range(2))
    assert len(first.train) == 20 < len(whole.train) == first.train_available
    assert np.array_equal(first.train.images, second.train.images)
    assert first.sha256 == second.sha256 != whole.sha256
    assert len(first.validation) == 5
    assert np.array_equal(first.test.images, whole.test.images)
    assert whole.test.names == task.classes
    assert set(whole.test.labels.tolist()) == {0, 1, 2, 3}


# -- what is counted and timed


def test_flops_are_those_on_paper():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 10 * 10, 5))
    network.train()
    assert count_flops(network, 10) == 2 * (3 * 9 * 8 * 100 + 800 * 5)
    assert network.training
    assert count_parameters(network) == 3 * 9 * 8 + 8 + 800 * 5 + 5


# Multiply-adds at 224 pixels with 1,000 classes: the papers' and torchvision's figures.
@pytest.mark.parametrize(
    ("name", "published"),
    [("mobilenet_v2", 0.300e9), ("resnet18", 1.814e9), ("efficientnet_b0", 0.386e9)],
)
def test_flops_are_those_published(name, published):
    flops = count_flops(build_network(name, classes=1000), 224)
    assert flops == pytest.approx(2 * published, rel=0.02)


class Slow(nn.Module):
    def __init__(self, name: str, calls: list[tuple[str, int]], pause_s: float) -> None:
        super().__init__()
        self.name, self.calls, self.pause_s = name, calls, pause_s

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        self.calls.append((self.name, len(pictures)))
        assert torch.get_num_threads() == 1
        time.sleep(self.pause_s * len(pictures))
        return pictures


def test_latency_is_measured_in_turns():
    calls: list[tuple[str, int]] = []
    pauses = {"quick": 0.001, "slow": 0.004, "middle": 0.002}
    networks = {name: Slow(name, calls, pause) for name, pause in pauses.items()}
    threads = torch.get_num_threads()
    measured = measure_latency(networks, 8, batches={1: 12, 2: 6})
    assert torch.get_num_threads() == threads
    rounds = [calls[i : i + 3] for i in range(0, len(calls), 3)]
    assert all({name for name, _ in turn} == set(pauses) for turn in rounds)
    assert len({tuple(turn) for turn in rounds}) > 2
    for name, pause in pauses.items():
        one, two = measured[name][1], measured[name][2]
        assert one.low_ms <= one.median_ms <= one.high_ms
        assert one.median_ms >= pause * 1000
        assert two.median_ms >= 2 * pause * 1000
        assert (one.rounds, two.rounds) == (12, 6)
    assert measured["quick"][1].median_ms < measured["slow"][1].median_ms


def test_the_forecast_corrects_itself():
    forecast = Forecast({"a": 100.0, "b": 50.0})
    assert forecast.left_s == 150
    forecast.took("a", 100.0, share=0.5)
    # Half of a took 100 s and not 50: everything takes twice as long.
    assert forecast.left_s == pytest.approx(200)
    forecast.took("a", 100.0, share=1.0)
    assert forecast.left_s == pytest.approx(100)
    forecast.finish("b")
    assert forecast.left_s == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (59.7, "1 min"), (3570, "1 h 00 min"), (11_100, "3 h 05 min")],
)
def test_durations_are_spoken(seconds, words):
    assert spoken(seconds) == words


# -- what is kept


def test_a_result_is_read_back_and_anything_else_refused(tmp_path):
    assert read_result(tmp_path, "abc") is None
    write_result(tmp_path, result("vgg16", 0.6))
    assert read_result(tmp_path, "abc") == result("vgg16", 0.6)
    with pytest.raises(ConfigurationError, match=r"result\.json is of another recipe"):
        read_result(tmp_path, "def")
    (tmp_path / "result.json").write_text('{"architecture": "vgg16"}')
    with pytest.raises(ConfigurationError, match=r"result\.json is damaged"):
        read_result(tmp_path, "abc")


# -- what is shown


def test_tables_hold_the_figures(comparison):
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    assert [row["architecture"] for row in rows] == ["resnet18", "baseline_cnn"]
    assert float(rows[1]["accuracy_low"]) == pytest.approx(0.68)
    assert float(rows[0]["latency_batch_32_median_ms"]) == 7.0
    assert rows[0]["capstone_reported_accuracy"] == ""
    assert float(rows[1]["capstone_reported_accuracy"]) == REPORTED["baseline_cnn"].accuracy
    assert "A. Saleem" in rows[1]["capstone_source"]
    text = as_markdown(comparison)
    assert "| ResNet18 | 1,500,000 | 90.0 | 0.800 (0.780 to 0.820) |" in text
    assert "for 3 epochs at 48 px on 1,000 of the 20,000" in text
    assert "Not done yet: vgg16" in text
    document = json.loads(as_json(comparison))
    assert document["small_budget"] is True
    assert document["networks"][1]["latency"]["1"]["median_ms"] == 1.5
    assert document["capstone"]["reported"]["vgg16"]["accuracy"] == 0.54


def test_the_seven_class_table_has_no_capstone(comparison):
    seven = replace(comparison, task=TASKS["seven"])
    assert "apstone" not in as_markdown(seven).replace("capstone comparison", "")
    assert "capstone" not in as_csv(seven)
    assert "capstone" not in json.loads(as_json(seven))


def test_a_full_budget_is_not_called_small(comparison):
    full = replace(comparison, budget=Budget(20, 48), counts=Counts(9, 9, 5, "neutral", 0.4))
    assert not full.small_budget
    assert "all 9 training pictures" in full.budget_sentence
    assert "Small budget" not in as_html(full)


def test_the_page_stands_alone(comparison):
    page = as_html(comparison)
    assert "Small budget." in page
    assert "Still to be trained: VGG16" in page
    assert 'aria-label="Accuracy against latency at batch 1: ResNet18 0.800 at 7.0 ms' in page
    assert page.count("<svg") == 1
    assert "None" not in page
    for reference in ("src=", "href=", "url(", "@import", "<script"):
        outside = [
            part[:60] for part in page.split(reference)[1:] if not part.startswith(('"#', "#"))
        ]
        assert not outside, reference


def test_the_picture_names_every_network_and_repeats_itself(comparison):
    picture = as_svg(comparison)
    assert picture == as_svg(comparison)
    assert "ResNet18" in picture
    assert "Baseline CNN (grey)" in picture
    assert "always answering" not in picture
    near = replace(comparison, counts=replace(comparison.counts, majority_share=0.66))
    assert "always answering neutral" in as_svg(near)
    assert as_svg(replace(comparison, latency={})) == ""


# -- all of it


ARGUMENTS = ["--task", "four", "--epochs", "2", "--threads", "1", "--no-tracking"]
MODELS = ("baseline_cnn", "complex_cnn_5")


@pytest.mark.thorough
@pytest.mark.slow
def test_a_killed_comparison_goes_on(tmp_path, ferplus_zip, split, monkeypatch, capsys):
    arguments = ["--data", str(ferplus_zip), "--split", str(split), "--out", str(tmp_path)]
    arguments += [*ARGUMENTS, "--models", ",".join(MODELS)]
    folder = tmp_path / "four-48px-2epochs"
    child = subprocess.Popen([sys.executable, "-m", "ml.comparison", *arguments], cwd=ROOT)
    _wait_for(folder / "baseline_cnn" / "result.json", child)
    child.send_signal(signal.SIGKILL)
    child.wait()
    first = (folder / "baseline_cnn" / "result.json").read_bytes()
    assert not (folder / "complex_cnn_5" / "result.json").exists()

    monkeypatch.setattr(sys, "argv", ["ml.comparison", *arguments])
    main()
    printed = capsys.readouterr().out
    assert "baseline_cnn is trained and measured" in printed
    assert "about" in printed
    assert (folder / "baseline_cnn" / "result.json").read_bytes() == first
    document = json.loads((folder / "comparison.json").read_text())
    assert {network["architecture"] for network in document["networks"]} == set(MODELS)
    assert document["waiting"] == []
    assert {p.name for p in folder.glob("comparison.*")} == {
        f"comparison.{kind}" for kind in ("csv", "md", "json", "html", "svg")
    }
    _check_against_the_weights(folder, document, ferplus_zip, split)

    (folder / "complex_cnn_5" / "best.safetensors").write_bytes(b"half a file")
    with pytest.raises(ConfigurationError, match=r"complex_cnn_5/best\.safetensors cannot be used"):
        main()


def _wait_for(path: Path, child: subprocess.Popen) -> None:
    deadline = time.monotonic() + 200
    while not path.exists():
        assert child.poll() is None, "the comparison ended by itself"
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def _check_against_the_weights(folder: Path, document: dict, data: Path, split: Path) -> None:
    task, budget = TASKS["four"], Budget(2, 48)
    rows = load_rows(data, split, task, budget)
    for network in document["networks"]:
        name = network["architecture"]
        trained = trained_network(recipe_for(name, task, budget), folder / name)
        answers = predict(trained, rows.test.images, 48).argmax(axis=1)
        found = network["evaluation"]["figures"]["accuracy"]["value"]
        assert found == pytest.approx(float((answers == rows.test.labels).mean()), abs=1e-5)
        assert network["training_s"] > 0
        assert network["latency"]["32"]["median_ms"] > 0


def test_an_unknown_network_is_refused_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ml.comparison", "--models", "vgg16,vgg19"])
    with pytest.raises(ConfigurationError, match="'vgg19'"):
        main()
