"""Training runs in MLflow: a SQLite file and an artefact folder, no server."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ml.files import written_whole
from ml.training.history import Epoch, read_history
from ml.training.loop import HISTORY
from ml.training.recipe import Recipe

EXPERIMENT = "training"

_LOG = logging.getLogger(__name__)
_STATE = "tracking.json"
_STEP_METRICS = ("step_loss", "step_learning_rate")
_EVERY_STEPS = 20
_PER_REQUEST = 100
_KEPT = 50
_LONGEST_VALUE = 500


class RunTracking:
    """The MLflow run of one training folder; a resumed training goes on in the same run.

    As a context manager it marks the run finished, failed, or killed (interrupted by the
    keyboard). A process that dies leaves it running; the next one goes on.

    Args:
        recipe: Logged as parameters, one for each dotted key.
        out: The training folder; remembers the run's id.
        tracking_dir: Holds `mlflow.sqlite` and `artifacts/`.
        facts: More parameters: hashes of the data, versions of the code.
        experiment: The MLflow experiment's name.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        tracking_dir: Path,
        *,
        facts: Mapping[str, str] | None = None,
        experiment: str = EXPERIMENT,
    ) -> None:
        # MLflow reads this at import; training calls nobody.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        # Importing MLflow sets its own level.
        for name in ("mlflow", "mlflow.store.db.utils", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        tracking_dir.mkdir(parents=True, exist_ok=True)
        self._out, self._experiment = out, experiment
        self._client = MlflowClient(f"sqlite:///{(tracking_dir / 'mlflow.sqlite').resolve()}")
        remembered = self._remembered()
        self.run_id = remembered or self._begin(recipe, tracking_dir, facts or {})
        if remembered is not None:
            self._client.update_run(self.run_id, status="RUNNING")
        self._waiting: list[Any] = []
        self._last_step = self._highest_step(_STEP_METRICS[0])
        self._catch_up()

    def __enter__(self) -> RunTracking:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()
        status = "FINISHED"
        if kind is not None:
            status = "KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED"
        self._client.set_terminated(self.run_id, status)

    def log_step(self, number: int, loss: float, rate: float) -> None:
        """Log loss and learning rate of every twentieth step (numbered from 1)."""
        if number % _EVERY_STEPS or number <= self._last_step:
            return
        self._last_step = number
        self._waiting += self._metrics(dict(zip(_STEP_METRICS, (loss, rate), strict=True)), number)
        if len(self._waiting) >= _KEPT:
            self._flush()

    def log_epoch(self, epoch: int, figures: Epoch) -> None:
        """Log the figures of a finished epoch (from 1)."""
        self._waiting += self._metrics(figures, epoch)
        self._flush()

    def keep(self, *artifacts: Path) -> None:
        """Keep files with the run."""
        for path in artifacts:
            self._client.log_artifact(self.run_id, str(path))

    def _metrics(self, figures: Mapping[str, float], step: int) -> list[Any]:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        return [Metric(name, value, now_ms, step) for name, value in figures.items()]

    def _flush(self) -> None:
        from mlflow.exceptions import MlflowException

        while self._waiting:
            try:
                self._client.log_batch(self.run_id, metrics=self._waiting[:_PER_REQUEST])
            except MlflowException as error:
                # A locked or full tracking store must not end hours of training.
                _LOG.warning("%d figures wait for MLflow: %s", len(self._waiting), error)
                return
            del self._waiting[:_PER_REQUEST]

    def _begin(self, recipe: Recipe, tracking_dir: Path, facts: Mapping[str, str]) -> str:
        from mlflow.entities import Param

        found: Any = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            folder = (tracking_dir / "artifacts").resolve().as_uri()
            experiment = self._client.create_experiment(self._experiment, artifact_location=folder)
        else:
            experiment = found.experiment_id
        tags = {"mlflow.source.git.commit": facts.get("code_commit", "unknown")}
        run = self._client.create_run(experiment, run_name=recipe.name, tags=tags)
        run_id = str(run.info.run_id)
        values = {name: str(value)[:_LONGEST_VALUE] for name, value in recipe.flat().items()}
        params = [Param(name, value) for name, value in (values | dict(facts)).items()]
        for start in range(0, len(params), _PER_REQUEST):
            self._client.log_batch(run_id, params=params[start : start + _PER_REQUEST])
        self._out.mkdir(parents=True, exist_ok=True)
        with written_whole(self._out / _STATE) as partial:
            partial.write_text(json.dumps({"run_id": run_id}), encoding="utf-8")
        return run_id

    def _remembered(self) -> str | None:
        """Return the id of this folder's run, unless the tracking folder does not have it."""
        from mlflow.exceptions import MlflowException

        path = self._out / _STATE
        try:
            run_id = str(json.loads(path.read_text(encoding="utf-8"))["run_id"])
            self._client.get_run(run_id)
        except (OSError, ValueError, KeyError, MlflowException):
            return None
        return run_id

    def _highest_step(self, metric: str) -> int:
        history = self._client.get_metric_history(self.run_id, metric)
        return max((item.step for item in history), default=0)

    def _catch_up(self) -> None:
        """Log epochs of the history that this run does not have yet."""
        logged = {item.step for item in self._client.get_metric_history(self.run_id, "train_loss")}
        for epoch, figures in read_history(self._out / HISTORY):
            if epoch not in logged:
                self.log_epoch(epoch, figures)
