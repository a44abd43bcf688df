"""
### Reprocess

What was published is analysed again by another version of the model, beside the old
results, with a report of what changes. Start it by hand.

```
begin -> transform -> republish -> put_in_front -> report
```

* **Form.** A study, or a window of days of publishing (UTC, both ends included), or both;
  the version by alias or number.
* **Nothing is overwritten.** Faces are not extracted again; the new results get folders and
  manifests of their own. Readers keep the old ones, unless `make_current` is on: then they
  are given the new ones when all else is done. Versions that are not approved are refused
  for that.
* **Bounded.** A run takes at most `FEX_REPROCESS__MAX_RECORDINGS`; the report names the
  rest, and a run with the same form goes on with them.
* What cannot be analysed again (faces erased, extraction damaged) is named in the report
  with the reason; the others go on.
* Every task may be cleared and run again: only what is missing is done.

The report is `reprocess/{run}/report.html` in the lake; the log of `report` says where.
Which result readers take: `docs/decisions/0019-reprocess.md`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, TriggerRule, dag, task
from expression_transform.operator import ExpressionTransformOperator
from queues import on
from retry_rules import RETRIES

BATCH = "{{ ti.xcom_pull(task_ids='begin') }}"


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=24),
    default_args=RETRIES | on("io"),
    params={
        "study": Param(None, type=["null", "string"], description="Name of a study; empty: all"),
        "since": Param(
            None, type=["null", "string"], format="date", description="First day of publishing"
        ),
        "until": Param(None, type=["null", "string"], format="date", description="Last day"),
        "model": Param(
            "challenger", type="string", minLength=1, description="Alias or number of the version"
        ),
        "make_current": Param(
            False, type="boolean", description="Give readers the new results (approved versions)"
        ),
    },
    doc_md=__doc__,
    tags=["analysis", "model"],
)
def reprocess() -> None:
    """Wire the stages from the form to the report."""

    @task
    def begin(run_id: str | None = None, params: dict[str, Any] | None = None) -> str:
        """Pin the model, choose the recordings, open a batch of re-analyses."""
        from include.composition import build_services
        from include.pipeline.reprocess import begin as stage

        return stage.run(build_services(), run_id or "", **(params or {}))

    @task(**on("cpu"))
    def republish(run_id: str | None = None) -> dict[str, int]:
        """Join the answers to the manifests; publish beside the old results."""
        from include.composition import build_services
        from include.pipeline.reprocess import republish as stage

        return stage.run(build_services(), run_id or "")

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def put_in_front(run_id: str | None = None, dag_run: Any = None) -> dict[str, int]:
        """Have readers take the new results, where that was asked for."""
        from include.composition import build_services
        from include.pipeline.reprocess import put_in_front as stage

        asked_by = dag_run.triggering_user_name
        return stage.run(build_services(), run_id or "", asked_by=asked_by)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report(run_id: str | None = None) -> dict[str, object]:
        """What changed, and what became of every recording."""
        from include.composition import build_services
        from include.pipeline.reprocess import report as stage

        return stage.run(build_services(), run_id or "")

    transform = ExpressionTransformOperator(task_id="transform", batch_id=BATCH, **on("gpu"))
    begin() >> transform >> republish() >> put_in_front() >> report()


reprocess()
