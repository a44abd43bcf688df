from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from include.contracts.errors import ConfigurationError
from ml.training.__main__ import main
from ml.training.augment import augment, mix
from ml.training.loop import BEST_WEIGHTS, CHECKPOINT, HISTORY, LAST_WEIGHTS, Trainer, predict
from ml.training.recipe import AugmentationPart, Recipe

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

table = tabulate(generated_records(12))
trainer = Trainer(RECIPE, table, table, Path(sys.argv[1]), checkpoint_every_s=0)
step = trainer._step
def slow_step(*args):
    time.sleep(0.15)
    return step(*args)
trainer._step = slow_step
trainer.run()
"""


def test_a_killed_training_resumes_to_the_same_weights(tmp_path, generated_table):
    whole = Trainer(RECIPE, generated_table, generated_table, tmp_path / "whole")
    whole.run()

    killed = tmp_path / "killed"
    child = subprocess.Popen(
        [sys.executable, "-c", RESUMABLE, str(killed)], cwd=ROOT, env={**os.environ}
    )
    _wait_for_checkpoint(killed / CHECKPOINT, child)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (killed / LAST_WEIGHTS).exists()

    lines: list[str] = []
    resumed = Trainer(RECIPE, generated_table, generated_table, killed, report=lines.append)
    progress = resumed.run()
    assert lines[0].startswith("resumed at epoch 1, step")
    assert progress.total_steps == whole.progress.total_steps
    expected, found = (load_file(p / LAST_WEIGHTS) for p in (tmp_path / "whole", killed))
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)


def _wait_for_checkpoint(path: Path, child: subprocess.Popen) -> None:
    deadline = time.monotonic() + 90
    while not path.exists():
        assert child.poll() is None, "the training ended by itself"
        assert time.monotonic() < deadline, "no checkpoint appeared"
        time.sleep(0.02)


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
    assert {p.name for p in tmp_path.iterdir()} == {CHECKPOINT, BEST_WEIGHTS, LAST_WEIGHTS, HISTORY}
    history = (tmp_path / HISTORY).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in history] == [*range(1, 9)]
    shares = predict(trainer.averaged, generated_table.images[:5], 32)
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    # A finished run has nothing left to do.
    assert Trainer(recipe, generated_table, generated_table, tmp_path).run() == progress


def test_a_checkpoint_of_something_else_is_refused(tmp_path, generated_table):
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(ConfigurationError, match=r"checkpoint\.safetensors"):
        Trainer(RECIPE, generated_table, generated_table, tmp_path).run()


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
    from ml.data.splits import make_split

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
    history = client.get_metric_history(run_id, "validation_accuracy")
    assert [item.step for item in history] == [1, 2]
    assert {item.path for item in client.list_artifacts(run_id)} >= {"recipe.yaml", BEST_WEIGHTS}
