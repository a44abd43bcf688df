"""
### Model comparison

Trains the architectures of the zoo alike, on the same pictures with the same budget, and
measures each once on the held-out ones: accuracy and macro F1 with intervals, parameters,
operations, latency. Started by hand; the same as `make compare`.

The page and the tables lie in the lake under `comparisons/`. A run that was killed goes
on where it stopped when its task is cleared: what is trained is not trained again.

It needs the pictures (`FEX_RETRAINING__BASE_SET`), and time: say how much with the
parameters. With the defaults of this form it takes some minutes on two cores.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from queues import on
from retry_rules import RETRIES


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES | on("io"),
    params={
        "models": Param(
            "mobilenet_v2,baseline_cnn", type="string", description="Comma-separated; empty: all"
        ),
        "task": Param("seven", enum=["seven", "four"]),
        "epochs": Param(1, type="integer", minimum=1, maximum=200),
        "side_px": Param(48, type="integer", minimum=32, maximum=224),
        "subset": Param(2000, type="integer", minimum=64, description="Training pictures"),
    },
    doc_md=__doc__,
    tags=["model"],
)
def model_comparison() -> None:
    """One task: the comparison, its progress in the log."""

    @task(**on("cpu"))
    def compare(
        run_id: str | None = None, params: dict[str, Any] | None = None
    ) -> dict[str, object]:
        """Train and measure what is not measured yet; publish table and page."""
        from include.composition import build_services
        from include.pipeline import model_comparison as stage

        return stage.run(build_services(), run_id or "", **(params or {}))

    compare()


model_comparison()
