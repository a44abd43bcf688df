from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from include.contracts.errors import ConfigurationError
from ml.training.__main__ import main
from ml.training.augment import augment, mix
from ml.training.history import read_history
from ml.training.loop import (
    BEST_WEIGHTS,
    CHECKPOINT,
    HISTORY,
    LAST_WEIGHTS,
    VALIDATION,
    Trainer,
)
from ml.training.recipe import AugmentationPart, ModelPart, Recipe
from ml.training.validation import Validation, predict

ROOT = Path(__file__).parents[3]

RECIPE = Recipe.model_validate(
    {
        "name": "tiny",
        "seed": 5,
        "model": {"width": 0.25, "dropout": 0.1},
        "optimiser": {"learning_rate": 0.004, "weight_decay": 0.01, "ema_decay": 0.9},
        "augmentation": {"mixup": 0.1},
        "stages": [
            {"input_side_px": 32, "epochs": 2, "batch": 16},
            {"input_side_px": 48, "epochs": 1, "batch": 16},
        ],
    }
)

RESUMABLE = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from ml.data.records import tabulate
from ml.training.loop import Trainer
from tests.unit.ml.conftest import generated_records
from tests.unit.ml.test_training import RECIPE

out, last = Path(sys.argv[1]), int(sys.argv[2])
def reached(number, loss, rate):
    if number == last:
        print("reached", flush=True)
        time.sleep(600)

table = tabulate(generated_records(12))
Trainer(RECIPE, table, table, out, report=lambda _: None, on_step=reached,
        checkpoint_every_s=0).run()
"""


def _train_and_kill(out: Path, at_step: int) -> None:
    """Train in a child process and SIGKILL it inside step number `at_step`."""
    command = [sys.executable, "-c", RESUMABLE, str(out), str(at_step)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "reached\n", "the training ended by itself"
        finally:
            child.kill()
        assert child.wait() == -signal.SIGKILL


@pytest.mark.thorough
@pytest.mark.slow
def test_a_training_killed_twice_ends_as_an_uninterrupted_one(tmp_path, generated_table):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = Trainer(RECIPE, generated_table, generated_table, whole).run()

    _train_and_kill(killed, 3)  # in the first of three epochs of five steps
    _train_and_kill(killed, 8)  # in the second
    lines: list[str] = []
    found = Trainer(RECIPE, generated_table, generated_table, killed, report=lines.append).run()

    assert lines[0] == "resumed at epoch 2, step 2"
    # The same kernels on one thread: nothing but the time taken may differ.
    for name in (LAST_WEIGHTS, BEST_WEIGHTS):
        first, second = (load_file(folder / name) for folder in (whole, killed))
        for key, tensor in first.items():
            torch.testing.assert_close(second[key], tensor, rtol=1e-5, atol=1e-6)
    for (epoch, one), (same_epoch, other) in zip(
        read_history(whole / HISTORY), read_history(killed / HISTORY), strict=True
    ):
        assert epoch == same_epoch
        one.pop("images_per_s"), other.pop("images_per_s")
        assert other == pytest.approx(one, rel=1e-4)
    same, also = (asdict(replace(p, recipe=0, seconds=0)) for p in (found, expected))
    assert same == pytest.approx(also, rel=1e-4)


def test_what_was_written_after_the_last_checkpoint_is_written_once(tmp_path, generated_table):
    recipe = RECIPE.model_copy(update={"stages": RECIPE.stages[:1]})
    Trainer(recipe, generated_table, generated_table, tmp_path).run()
    history = tmp_path / HISTORY
    # As if the process had died between the history's line and the checkpoint.
    lines = history.read_text()
    history.write_text(lines + '{"epoch": 3, "train_loss": 9.0}\n{"epoch": 4, "tr')
    Trainer(recipe, generated_table, generated_table, tmp_path).run()
    assert history.read_text() == lines


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_training_stops_when_no_epoch_is_better(tmp_path, generated_table, metric):
    recipe = Recipe.model_validate(
        RECIPE.model_dump()
        | {
            "optimiser": {"learning_rate": 1e-9, "weight_decay": 0.0, "ema_decay": 0.0},
            "stopping": {"patience": 2, "metric": metric},
            "stages": [{"input_side_px": 32, "epochs": 30, "batch": 64}],
        }
    )
    trainer = Trainer(recipe, generated_table, generated_table, tmp_path)
    trainer._better = lambda validation: trainer.progress.epoch == 1  # type: ignore[method-assign]
    progress = trainer.run()
    assert (progress.best_epoch, progress.epoch) == (1, 3)
    # A stopped run stays stopped when it is started again.
    assert Trainer(recipe, generated_table, generated_table, tmp_path).run() == progress


def _validation(accuracy: float, log_loss: float) -> Validation:
    return Validation({"accuracy": accuracy, "log_loss": log_loss}, (), ())


def test_the_better_epoch_is_the_one_the_recipe_prefers(tmp_path, generated_table):
    for metric, better, worse in (
        ("accuracy", _validation(0.6, 2.0), _validation(0.4, 0.1)),
        ("log_loss", _validation(0.4, 0.9), _validation(0.6, 1.1)),
        ("accuracy", _validation(0.5, 0.9), _validation(0.5, 1.0)),
    ):
        recipe = Recipe.model_validate(RECIPE.model_dump() | {"stopping": {"metric": metric}})
        trainer = Trainer(recipe, generated_table, generated_table, tmp_path)
        trainer.progress.best_accuracy, trainer.progress.best_log_loss = 0.5, 1.0
        assert trainer._better(better)
        assert not trainer._better(worse)


def test_training_learns_and_leaves_its_files(tmp_path, generated_table):
    epochs: list[dict] = []
    content = json.loads(RECIPE.model_dump_json())
    content["augmentation"] = {"flip": 0, "rotation_deg": 0, "shift": 0, "zoom": 0, "erase": 0}
    content["stages"] = [{"input_side_px": 48, "epochs": 8, "batch": 8}]
    recipe = Recipe.model_validate(content)
    trainer = Trainer(
        recipe, generated_table, generated_table, tmp_path, on_epoch=lambda _, f: epochs.append(f)
    )
    progress = trainer.run()
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"]
    assert progress.best_accuracy > 2 / 7
    files = {CHECKPOINT, BEST_WEIGHTS, LAST_WEIGHTS, HISTORY, VALIDATION}
    assert {p.name for p in tmp_path.iterdir()} == files
    validation = json.loads((tmp_path / VALIDATION).read_text())
    assert validation["figures"]["accuracy"] == progress.best_accuracy
    assert np.array(validation["confusion"]).sum(axis=1).tolist() == [12] * 7
    history = (tmp_path / HISTORY).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in history] == [*range(1, 9)]
    shares = predict(trainer.averaged, generated_table.images[:5], 32)
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    # A finished run has nothing left to do.
    assert Trainer(recipe, generated_table, generated_table, tmp_path).run() == progress


def test_a_damaged_checkpoint_is_named(tmp_path, generated_table):
    recipe = RECIPE.model_copy(update={"stages": RECIPE.stages[:1]})
    Trainer(recipe, generated_table, generated_table, tmp_path).run()
    path = tmp_path / CHECKPOINT
    content = path.read_bytes()
    for damaged in (b"not a checkpoint", content[: len(content) // 2], content[:4]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigurationError, match=r"checkpoint\.safetensors is damaged"):
            Trainer(recipe, generated_table, generated_table, tmp_path).run()


def test_a_checkpoint_of_another_network_is_named(tmp_path, generated_table):
    recipe = RECIPE.model_copy(update={"stages": RECIPE.stages[:1]})
    Trainer(recipe, generated_table, generated_table, tmp_path).run()
    wider = recipe.model_copy(update={"model": ModelPart(width=0.35)})
    with pytest.raises(ConfigurationError, match=r"checkpoint\.safetensors is a checkpoint of ano"):
        Trainer(wider, generated_table, generated_table, tmp_path).run()


def test_augmentation_is_bounded_and_repeatable(generated_table):
    images = torch.from_numpy(generated_table.images[:16])
    part = AugmentationPart(erase=1, low_resolution=1)
    first, second = (augment(images, 40, part, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (16, 1, 40, 40)
    assert torch.equal(first, second)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1


def test_no_augmentation_changes_nothing(generated_table):
    images = torch.from_numpy(generated_table.images[:4])
    part = AugmentationPart(
        flip=0, rotation_deg=0, shift=0, zoom=0, gamma=0, light_gradient=0, erase=0,
        low_resolution=0,
    )  # fmt: skip
    same = augment(images, 48, part, torch.Generator())
    torch.testing.assert_close(same[:, 0], images.float() / 255, atol=1e-4, rtol=0)


def test_mixup_keeps_distributions(generated_table):
    grey = torch.rand(6, 1, 8, 8)
    targets = torch.eye(6)[:, :6]
    mixed, mixed_targets = mix(grey, targets, 0.5, torch.Generator().manual_seed(0))
    assert mixed.shape == grey.shape
    torch.testing.assert_close(mixed_targets.sum(1), torch.ones(6))
    assert mix(grey, targets, 0, torch.Generator())[0] is grey


def test_the_command_trains_and_tracks(tmp_path, ferplus_zip, monkeypatch, capsys):
    import yaml

    from ml.data.ferplus import load_ferplus
    from ml.data.records import tabulate
    from ml.data.splits import make_split, read_manifest

    manifest = tmp_path / "split.txt.gz"
    manifest.write_bytes(make_split(tabulate(load_ferplus(ferplus_zip)), seed=0).to_bytes())
    recipe = tmp_path / "tiny.yaml"
    content = json.loads(RECIPE.model_dump_json())
    content["stages"] = content["stages"][:1]
    recipe.write_text(yaml.safe_dump(content))
    out = tmp_path / "run"
    monkeypatch.setattr(
        sys,
        "argv",
        [
            *("ml.training", "--recipe", str(recipe), "--data", str(ferplus_zip)),
            *("--split", str(manifest), "--out", str(out), "--threads", "1"),
        ],
    )
    main()
    assert "validation accuracy" in capsys.readouterr().out
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError, match="a training is running"):
            main()
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{out / 'mlflow' / 'mlflow.sqlite'}")
    run_id = json.loads((out / "tracking.json").read_text())["run_id"]
    history = client.get_metric_history(run_id, "validation_macro_f1")
    assert [item.step for item in history] == [1, 2]
    kept = {item.path for item in client.list_artifacts(run_id)}
    assert kept == {
        *("recipe.yaml", BEST_WEIGHTS, HISTORY, VALIDATION, "confusion.csv", "confusion.png")
    }
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["optimiser.learning_rate"] == "0.004"
    assert run.data.params["split_sha256"] == read_manifest(manifest).sha256
    assert len(run.data.params["train_sha256"]) == 64
    assert run.data.params["code_dirty"] in {"true", "false"}

    # The finished run again, with another recipe: it says what changed and trains nothing.
    recipe.write_text(recipe.read_text().replace("0.004", "0.005"))
    main()
    assert "recipe changed: optimiser.learning_rate was 0.004, is 0.005" in capsys.readouterr().out
    assert [item.step for item in client.get_metric_history(run_id, "train_loss")] == [1, 2]
