"""
### Label intake

Every quarter of an hour: read answers back from `labels/incoming/`.

```
read_back -> announce -> retrain
```

* Label Studio's JSON and JSON-MIN exports and plain CSVs (`row_id,annotator,label`), in any
  folder below `labels/incoming/`. Each version of a file is read once; the original stays.
* A file is read whole or not at all: a line that cannot be understood sends the file to
  quarantine with the line named, and somebody is told. Dropping the corrected file is all
  there is to do.
* Every person's latest answer to a face is kept as a vote: `labels/annotations/` is the
  folder that training reads (soft labels), `labels/index.html` shows queues, answers and how
  far annotators agree.
* With nothing new the run ends after one listing. New labels start `model_evaluation`, and
  after every `FEX_LABELS__RETRAIN_AFTER` newly labelled faces a retraining is asked for,
  under its cool-down and daily cap.

| setting | meaning |
|---|---|
| `FEX_LABELS__INTAKE_SCHEDULE` | how often to look (cron) |
| `FEX_DISCOVERY__STABLE_FOR_S` | a file must not change for this long |
| `FEX_LABELS__RETRAIN_AFTER` | labelled faces between two requests |
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task
from lake_assets import LABELS
from queues import on
from retry_rules import RETRIES

from include.settings import load_settings


@dag(
    schedule=load_settings().labels.intake_schedule,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=RETRIES | on("io"),
    doc_md=__doc__,
    tags=["labels"],
)
def label_intake() -> None:
    """Wire reading back to whoever waits for labels."""

    @task.short_circuit
    def read_back() -> bool:
        """Read new files, keep their votes; go on only when the labels are others now."""
        from include.composition import build_services
        from include.pipeline.labelling import intake as stage

        return bool(stage.run(build_services())["changed"])

    @task(outlets=[LABELS])
    def announce() -> list[dict[str, Any]]:
        """Say that there are new labels; ask for a retraining when there are enough."""
        from include.composition import build_services
        from include.pipeline.labelling import milestones as stage

        return stage.ask_for_retraining(build_services())

    announced = announce()
    read_back() >> announced
    TriggerDagRunOperator.partial(
        task_id="retrain", trigger_dag_id="model_retraining", skip_when_already_exists=True
    ).expand_kwargs(announced)


label_intake()
