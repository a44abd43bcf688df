"""
### Model retraining

From a reason to a decision: learn from new labels beside the base set, hold the result
against the champion on faces that neither has seen, and let a named person decide.

```
open -> assemble -> train -> package -> evaluate -> audit -> check
     -> register -> side_by_side -> approve (a person) -> decide -> settle
```

* Started by `model_evaluation` (degraded), `bias_audit` (red), new labels, or by hand with
  this form. Each request is recorded; within the cool-down
  (`FEX_RETRAINING__COOLDOWN_S`), beyond the daily cap (`FEX_RETRAINING__DAILY_CAP`) or
  beside a run under way, nothing starts.
* Nothing that measures is learnt: pictures are compared by content and by likeness.
* `audit` shows the set of `FEX_AUDIT__FIXED_SET` to the challenger: a red audit ends the run.
* A gate that fails (golden pictures, not worse, bias, speed) ends the run; the champion
  stays. So it does after a rejection, or when nobody answers in
  `FEX_RELEASE__APPROVAL_TIMEOUT_H` hours. Only `FEX_RELEASE__APPROVERS` may answer, and
  whoever asked for the retraining may not.
* Every task may be cleared and run again: what was done is found, what was begun is finished.
* `settle` runs whatever happened before: no job, open request or undecided challenger stays.

One click back: the DAG `model_rollback`. Results are a *displayed expression*.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

from airflow.sdk import Param, chain, dag, task
from decision import DecisionOperator
from queues import on
from retry_rules import RETRIES

from include.settings import load_settings

RELEASE = load_settings().release


def _stage(name: str, *arguments: Any, **options: Any) -> Any:
    """Run one module of `include.pipeline.model_retraining`, imported by the task alone."""
    from include.composition import build_services
    from include.contracts.documents import plain_values

    stage = import_module(f"include.pipeline.model_retraining.{name}")
    return plain_values(stage.run(build_services(), *arguments, **options))


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES | on("io"),
    params={
        "reason": Param("manual", enum=["degraded", "red_audit", "labels", "manual"]),
        "evidence": Param("", type="string", description="Lake key of the report that asks"),
        "recipe": Param("", type="string", description="A recipe's name; empty: the setting"),
        "in_cooldown": Param(
            default=False, type="boolean", description="Also when the last run is recent"
        ),
    },
    doc_md=__doc__,
    tags=["model"],
)
def model_retraining() -> None:
    """Wire the stages from a request to a decision."""

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def open_request(
        run_id: str | None = None, params: dict[str, Any] | None = None, dag_run: Any = None
    ) -> str | None:
        """Record or find the request, take its lease, pin the champion; None: nothing starts."""
        return _stage("open", run_id, asked_by=dag_run.triggering_user_name, **(params or {}))

    @task
    def assemble(request_id: str) -> dict[str, object]:
        """Base set and new labels, without what resembles a face that measures."""
        return _stage("assemble", request_id)

    @task(**on("gpu"))
    def train(request_id: str) -> dict[str, object]:
        """One training job, adopted by a retry; its progress is in this log."""
        return _stage("train", request_id)

    @task(**on("cpu"))
    def package(request_id: str) -> dict[str, object]:
        """Seal the weights as the champion is sealed, calibrated anew."""
        return _stage("package", request_id)

    @task(**on("cpu"))
    def evaluate(request_id: str) -> dict[str, object]:
        """Champion and challenger on the same frozen faces, paired; the model card."""
        return _stage("evaluate", request_id)

    @task(**on("cpu"))
    def audit(request_id: str) -> dict[str, object]:
        """How the challenger treats groups of people, on the fixed audit set."""
        return _stage("audit", request_id)

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def check(request_id: str) -> bool:
        """Golden pictures, not worse, bias, speed: one failed gate ends the run."""
        return _stage("check", request_id)

    @task
    def register(request_id: str) -> dict[str, object]:
        """Register the challenger, waiting for approval."""
        return _stage("register", request_id)

    @task(**on("cpu"))
    def side_by_side(request_id: str) -> str:
        """What would change in recent reports; the text for the approval."""
        return _stage("side_by_side", request_id)

    approve = DecisionOperator(
        task_id="approve",
        subject="A new model waits for approval",
        body="{{ ti.xcom_pull(task_ids='side_by_side') }}",
        defaults="Reject",
        response_timeout=timedelta(hours=RELEASE.approval_timeout_h),
        approvers=RELEASE.approvers,
        params={"comment": Param("", type="string", maxLength=200, description="Why")},
    )

    @task
    def decide(
        request_id: str, response: dict[str, object], dag_run: Any = None
    ) -> dict[str, object]:
        """Promote or reject, as the person answered; recorded once."""
        return _stage("decide", request_id, response, started_by=dag_run.triggering_user_name)

    @task
    def settle(run_key: str) -> dict[str, object]:
        """Leave no job, no open request, no challenger that nobody decides on."""
        return _stage("settle", run_key)

    request = open_request()
    stages = (assemble, train, package, evaluate, audit, check, register)
    done = [stage(request) for stage in stages]  # type: ignore[arg-type] # an XComArg until it runs
    compared = side_by_side(request)
    decided = decide(request, approve.output)  # type: ignore[arg-type]
    # A teardown runs even when a person marks the whole run as failed.
    chain(*done, compared, approve, decided, settle("{{ run_id }}").as_teardown())


model_retraining()
