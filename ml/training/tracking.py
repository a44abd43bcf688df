"""Training runs in MLflow: a SQLite file and an artefact folder, no server."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from ml.training.history import Epoch
from ml.training.loop import HISTORY
from ml.training.recipe import Recipe

EXPERIMENT = "training"
_STATE = "tracking.json"


class RunTracking:
    """The MLflow run of one training folder; a resumed training goes on in the same run.

    Args:
        recipe: Logged as parameters.
        out: The training folder; remembers the run's id.
        tracking_dir: Holds `mlflow.sqlite` and `artifacts/`.
    """

    def __init__(self, recipe: Recipe, out: Path, tracking_dir: Path) -> None:
        # MLflow reads this at import; training calls nobody.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from mlflow import MlflowClient

        tracking_dir.mkdir(parents=True, exist_ok=True)
        self._out = out
        self._client = MlflowClient(f"sqlite:///{(tracking_dir / 'mlflow.sqlite').resolve()}")
        self.run_id = self._remembered() or self._begin(recipe, tracking_dir)
        self._catch_up()

    def log_epoch(self, epoch: int, figures: Epoch) -> None:
        """Log the figures of a finished epoch (from 1)."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        metrics = [Metric(name, value, now_ms, epoch) for name, value in figures.items()]
        self._client.log_batch(self.run_id, metrics=metrics)

    def finish(self, artifacts: tuple[Path, ...]) -> None:
        """Keep files with the run and mark it finished."""
        for path in artifacts:
            if path.is_file():
                self._client.log_artifact(self.run_id, str(path))
        self._client.set_terminated(self.run_id)

    def _begin(self, recipe: Recipe, tracking_dir: Path) -> str:
        from mlflow.entities import Param

        found: Any = self._client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            folder = (tracking_dir / "artifacts").resolve().as_uri()
            experiment = self._client.create_experiment(EXPERIMENT, artifact_location=folder)
        else:
            experiment = found.experiment_id
        run_id = str(self._client.create_run(experiment, run_name=recipe.name).info.run_id)
        params = [Param(part, json.dumps(value)) for part, value in recipe.model_dump().items()]
        self._client.log_batch(run_id, params=params)
        self._out.mkdir(parents=True, exist_ok=True)
        (self._out / _STATE).write_text(json.dumps({"run_id": run_id}), encoding="utf-8")
        return run_id

    def _remembered(self) -> str | None:
        path = self._out / _STATE
        if not path.is_file():
            return None
        return str(json.loads(path.read_text(encoding="utf-8"))["run_id"])

    def _catch_up(self) -> None:
        """Log epochs of the history that this run does not have yet."""
        history = self._out / HISTORY
        if not history.is_file():
            return
        logged = {item.step for item in self._client.get_metric_history(self.run_id, "train_loss")}
        for line in history.read_text(encoding="utf-8").splitlines():
            figures: dict[str, float] = json.loads(line)
            epoch = int(figures.pop("epoch"))
            if epoch not in logged:
                self.log_epoch(epoch, figures)
