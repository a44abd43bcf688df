"""
### Model evaluation

After new labels, and every week: is the champion as good as it was sealed?

```
evaluate -> ask_retraining -> retrain
```

* **evaluate** joins fresh labels with what the champion published when they were drawn, and
  weighs each by one over its chance of being asked: accuracy, macro F1, per expression,
  calibration and abstention of *everything* published, each with a 95 % interval over
  respondents. They are compared with the figures sealed in the model package and with the
  window before.
* The written rule (docs/decisions/0016-labels-and-health.md) says *healthy*, *watch* or
  *degraded*. Too few labels are a watch: what is unknown is never reported as good.
* `evaluations/{id}/index.html` is for people, `evaluation.json` beside it for machines;
  MLflow has it under the experiment `evaluation`, CloudWatch or StatsD the figures.
* Degraded asks for a retraining; within the cool-down or beyond the daily cap the request
  is recorded and nothing starts.

The same labels are the same evaluation: a repeated run writes nothing twice.

| setting | meaning |
|---|---|
| `FEX_EVALUATION__SCHEDULE` | when, besides after new labels (cron) |
| `FEX_EVALUATION__MAX_AGE_DAYS` | older draws are not read |
| `FEX_EVALUATION__TOLERATED_ACCURACY_DROP` and its neighbours | the rule |

Figures speak of a *displayed expression*, never of an inner state.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task
from lake_assets import LABELS
from queues import on
from retry_rules import RETRIES

from include.settings import load_settings


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(load_settings().evaluation.schedule, timezone="UTC"),
        assets=[LABELS],
    ),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args=RETRIES | on("io"),
    doc_md=__doc__,
    tags=["labels", "governance"],
)
def model_evaluation() -> None:
    """Wire the evaluation to the retraining it may ask for."""

    @task
    def evaluate() -> dict[str, Any]:
        """Join labels with what was published, compare, decide, write the report."""
        from include.composition import build_services
        from include.pipeline import model_evaluation as stage

        return stage.run(build_services())

    @task
    def ask_retraining(outcome: dict[str, Any]) -> list[dict[str, Any]]:
        """Ask for a better model when the champion is degraded."""
        from include.composition import build_services
        from include.pipeline import model_evaluation as stage

        return stage.ask_for_retraining(build_services(), outcome)

    TriggerDagRunOperator.partial(
        task_id="retrain", trigger_dag_id="model_retraining", skip_when_already_exists=True
    ).expand_kwargs(ask_retraining(evaluate()))  # type: ignore[arg-type] # an XComArg until it runs


model_evaluation()
