"""
### Drift monitor

Once a day: is what was published still like what the model was accepted on, and like the
weeks before?

```
freeze -> judge -> tell -> tidy
```

* The recordings of the last seven days are compared with a frozen **reference** and with
  the 28 days before them: quality of the faces, faces found, displayed expressions,
  confidence. Days on which the monitor did not run are judged as well.
* A day needs a difference beyond chance *and* one that matters; two such days of three
  open an **episode**, and people are told once. Rules and measured error rates:
  `docs/decisions/0014-drift.md`.
* The report of the last day is `monitoring/index.html` in the lake, each day's own lies
  under `monitoring/drift/`.

To **freeze a reference** (after a model was accepted, or when a change is here to stay),
run this DAG by hand with the first and last day of it. Episodes then start anew.

Results are a *displayed expression*, never an inner state.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task
from deadlines import due_within
from queues import on
from retry_rules import RETRIES

from include.settings import load_settings

YESTERDAY = "{{ params.day or (dag_run.run_after - macros.timedelta(days=1)) | ds }}"


def _day(title: str) -> Param:
    return Param(default=None, type=["null", "string"], format="date", title=title)


@dag(
    schedule=load_settings().drift.schedule,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    deadline=due_within(2 * 3600, advice="The log of judge shows which day it is at."),
    default_args=RETRIES | on("io"),
    params={
        "day": _day("Judge this day (UTC) instead of yesterday"),
        "reference_first": _day("Freeze a reference: its first day"),
        "reference_last": _day("Freeze a reference: its last day"),
    },
    doc_md=__doc__,
    tags=["watching"],
)
def drift_monitor() -> None:
    """Wire a day's judgement."""

    @task
    def freeze(first: str, last: str) -> str | None:
        """Freeze a reference if its days were given; return which one counts."""
        from include.composition import build_services
        from include.pipeline.drift import stage

        return stage.freeze(build_services(), first, last)

    @task(**on("cpu"))
    def judge(day: str) -> dict[str, object]:
        """Compare the week with reference and weeks before; publish the report."""
        from include.composition import build_services
        from include.pipeline.drift import stage

        return stage.judge(build_services(), day)

    @task
    def tell(day: str) -> int:
        """Figures to the sink; one notice for each episode that opened."""
        from include.composition import build_services
        from include.pipeline.drift import stage

        return stage.tell(build_services(), day)

    @task
    def tidy(day: str) -> int:
        """Put the day's figures of the platform together into one object of the lake."""
        from include.composition import build_services
        from include.pipeline.drift import stage

        return stage.tidy(build_services(), day)

    frozen = freeze("{{ params.reference_first or '' }}", "{{ params.reference_last or '' }}")
    frozen >> judge(YESTERDAY) >> tell(YESTERDAY) >> tidy(YESTERDAY)


drift_monitor()
