"""
### Model rollback

The champion before this one answers again, at once. Start it by hand; say why.
Whoever starts it answers for it: their name, as Airflow knows it, goes into the record.

Batches that are open keep the model they were opened with, later ones take the restored
one. What was rolled back from stays registered and approved: a second rollback undoes the
first. The same on a command line: `make registry ARGS='rollback --approved-by NAME'`.

Run again with the same run id (clear the task), nothing is undone: what the run was to do
is written down before anything moves.
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
        "why": Param("", type="string", description="For the record"),
    },
    doc_md=__doc__,
    tags=["model"],
)
def model_rollback() -> None:
    """One task: the exchange of two aliases."""

    @task
    def roll_back(
        run_id: str | None = None, params: dict[str, Any] | None = None, dag_run: Any = None
    ) -> dict[str, object]:
        """Make the champion before this one the champion again."""
        from include.composition import build_services
        from include.pipeline import model_rollback as stage

        approved_by = dag_run.triggering_user_name or ""
        return stage.run(build_services(), run_id or "", approved_by=approved_by, **(params or {}))

    roll_back()


model_rollback()
