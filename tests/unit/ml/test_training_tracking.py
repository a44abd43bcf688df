"""MLflow runs, provenance, the confusion picture, history and pace."""

from __future__ import annotations

import csv
import json
import subprocess

import cv2
import numpy as np
import pytest

from ml.command import run_command
from ml.training.command import choose_device
from ml.training.confusion import write_confusion
from ml.training.history import Pace, append_epoch, duration, read_history, trim_history
from ml.training.loop import HISTORY
from ml.training.provenance import code_version
from ml.training.recipe import Recipe
from ml.training.tracking import RunTracking
from ml.training.validation import Validation

RECIPE = Recipe.model_validate(
    {
        "name": "tracked",
        "seed": 5,
        "optimiser": {"learning_rate": 0.004, "weight_decay": 0.01},
        "stages": [
            {"input_side_px": 32, "epochs": 2, "batch": 16},
            {"input_side_px": 64, "epochs": 1, "batch": 16},
        ],
    }
)


def _steps(tracking: RunTracking, name: str) -> list[int]:
    return [i.step for i in tracking._client.get_metric_history(tracking.run_id, name)]


def test_a_run_is_tracked_across_a_kill_and_a_failing_store(tmp_path, monkeypatch, caplog):
    facts = {"train_sha256": "ab", "code_commit": "c0ffee"}
    first = RunTracking(RECIPE, tmp_path, tmp_path / "mlflow", facts=facts)
    for step in range(1, 61):
        first.log_step(step, 2 - step / 100, 0.001)
    first._flush()
    assert _steps(first, "step_loss") == [20, 40, 60]
    run = first._client.get_run(first.run_id)
    assert run.data.params["train_sha256"] == "ab"
    assert run.data.params["stages.1.input_side_px"] == "64"
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert run.info.status == "RUNNING"

    # Killed: the next process repeats steps, and finds an epoch that was not logged.
    append_epoch(tmp_path / HISTORY, 1, {"train_loss": 1.5})
    with RunTracking(RECIPE, tmp_path, tmp_path / "mlflow") as second:
        assert second.run_id == first.run_id
        for step in range(41, 81):
            second.log_step(step, 1.0, 0.001)
        second._flush()
        assert _steps(second, "step_loss") == [20, 40, 60, 80]
        assert _steps(second, "train_loss") == [1]

        # A store that fails for a while costs no figure and no training.
        from mlflow.exceptions import MlflowException

        def locked(*_args, **_kwargs):
            raise MlflowException("database is locked")

        with monkeypatch.context() as patched:
            patched.setattr(second._client, "log_batch", locked)
            second.log_epoch(2, {"train_loss": 1.2})
        assert "database is locked" in caplog.text
        second.log_epoch(3, {"train_loss": 1.1})
        assert _steps(second, "train_loss") == [1, 2, 3]
    assert second._client.get_run(second.run_id).info.status == "FINISHED"

    with (
        pytest.raises(ValueError, match="broken"),
        RunTracking(RECIPE, tmp_path, tmp_path / "mlflow"),
    ):
        raise ValueError("broken")
    assert second._client.get_run(second.run_id).info.status == "FAILED"
    # A torn note of the run's id begins a new run instead of failing.
    (tmp_path / "tracking.json").write_text('{"run_')
    assert RunTracking(RECIPE, tmp_path, tmp_path / "mlflow").run_id != second.run_id


def test_the_code_version_is_that_of_the_checkout(tmp_path):
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert code_version(tmp_path)["code_commit"] == "unknown"
    git("init", "-q")
    (tmp_path / "a.txt").write_text("one")
    git("add", "a.txt")
    git("commit", "-q", "--no-verify", "-m", "one")
    version = code_version(tmp_path)
    assert (version["code_commit"], version["code_dirty"]) == (git("rev-parse", "HEAD"), "false")
    (tmp_path / "a.txt").write_text("two")
    assert code_version(tmp_path)["code_dirty"] == "true"


def test_confusion_as_table_and_picture(tmp_path):
    validation = Validation({"accuracy": 0.75}, ((3, 1), (0, 4)), ("happiness", "neutral"))
    validation.write(tmp_path / "validation.json", 7)
    table, picture = write_confusion(tmp_path / "validation.json", tmp_path)
    rows = list(csv.reader(table.read_text().splitlines()))
    assert rows == [
        ["true", "happiness", "neutral"],
        ["happiness", "3", "1"],
        ["neutral", "0", "4"],
    ]
    pixels = cv2.imread(str(picture))
    assert min(pixels.shape[:2]) > 400
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_history_drops_what_lies_past_the_checkpoint(tmp_path):
    path = tmp_path / HISTORY
    trim_history(path, 3)
    assert read_history(path) == []
    for epoch in (1, 2, 3):
        append_epoch(path, epoch, {"train_loss": 1 / epoch})
    with path.open("a") as torn:
        torn.write('{"epoch": 4, "tr')
    trim_history(path, 2)
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2]


def test_the_time_left_counts_later_stages_by_their_cost():
    pace = Pace(RECIPE, pictures=1000)
    # Half of the first epoch, the second, and one at four times the pixels: 0.5 + 1 + 4.
    assert pace.seconds_left(0, 0.5, images_per_s=100) == pytest.approx(55)
    assert pace.seconds_left(2, 0.25, images_per_s=100) == pytest.approx(7.5)
    assert duration(3725.4) == "1:02:05"


def test_a_users_error_is_one_line(capsys):
    def wrong() -> None:
        choose_device("cuda")

    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit) as stopped:
        run_command(wrong)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "--device: torch finds no GPU here: use auto or cpu\n"
    assert choose_device("auto").type == "cpu"
