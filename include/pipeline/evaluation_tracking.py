"""Evaluations in MLflow: one run for each, beside the trainings of the models."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.labelling.evaluation import EVALUATION

if TYPE_CHECKING:
    from include.composition import Services
    from include.labelling.evaluation import EvaluationRecord

EXPERIMENT = "evaluation"
_ID = "fex.evaluation_id"

log = logging.getLogger(__name__)


def track(services: Services, document: EvaluationRecord, *, page: bytes) -> str | None:
    """Log an evaluation as a run of the experiment `evaluation`; once, however often called.

    A tracking store that cannot be reached is logged: the evaluation itself is in the lake.

    Args:
        services: Whose tracking store; a SQLite file or a server.
        document: What is kept of it.
        page: The page for people.

    Returns:
        The run's id, or None where the store could not be reached.
    """
    # MLflow reads this at import; evaluation calls nobody.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    model = services.settings.model
    try:
        client = MlflowClient(model.mlflow_tracking_uri)
        experiment = _experiment(client, f"{model.mlflow_artifact_uri.rstrip('/')}/evaluations")
        query = f"tags.`{_ID}` = '{document.evaluation_id}' and attributes.status = 'FINISHED'"
        found = client.search_runs([experiment], query, max_results=1)
        return str(found[0].info.run_id) if found else _log(client, experiment, document, page)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        log.warning("the evaluation is not in MLflow: %s", error)
        return None


def _experiment(client: Any, artifacts: str) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(EXPERIMENT, artifact_location=artifacts))


def _log(client: Any, experiment: str, document: EvaluationRecord, page: bytes) -> str:
    from mlflow.entities import Metric, Param

    model, decision = document.model, document.decision
    tags = {
        _ID: document.evaluation_id,
        "fex.health": str(decision.health),
        "fex.model_version": model.version,
        "fex.model_sha256": model.sha256,
    }
    name = f"{model.name} {model.version} {decision.health}"
    run_id = str(client.create_run(experiment, run_name=name, tags=tags).info.run_id)
    at_ms = int(datetime.fromisoformat(document.evaluated_at).timestamp() * 1000)
    metrics = [
        Metric(f"{figure}{suffix}", end, at_ms, 0)
        for figure, given in document.estimates.figures.items()
        for suffix, end in (("", given.value), ("_low", given.low), ("_high", given.high))
        if math.isfinite(end)
    ]
    window = document.window
    params = [
        Param("model", f"{model.name} version {model.version}"),
        Param("since", window.since),
        Param("until", window.until),
        Param("labels", str(document.estimates.judged_n)),
        Param("respondents", str(document.estimates.respondents_n)),
    ]
    client.log_batch(run_id, metrics=metrics, params=params)
    client.log_text(run_id, EVALUATION.write(document).decode(), "evaluation.json")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "index.html"
        path.write_bytes(page)
        client.log_artifact(run_id, str(path))
    client.set_terminated(run_id)
    return run_id
