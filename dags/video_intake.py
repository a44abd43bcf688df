"""
### Video intake

Every minute: list `incoming/`, enter what is new in the ledger, and start one
`video_analysis` run for each batch of recordings that have stopped changing.

The ledger is the queue and this schedule only a wake-up call: a missed run
loses nothing, and a repeated one claims nothing twice. Run it by hand after a
large drop if a minute is too long to wait.

| setting | meaning |
|---|---|
| `FEX_DISCOVERY__SCHEDULE` | how often to look (cron) |
| `FEX_DISCOVERY__STABLE_FOR_S` | a file must not change for this long |
| `FEX_DISCOVERY__MAX_VIDEOS_PER_BATCH` | size of a batch |
| `FEX_WATCH__INTAKE_DEADLINE_S` | a run later than this is told to people |

Each run also emits what waits, for how long, and what is in work. Where `FEX_QUEUES__*` name
queues, `watch_queues` tells people of one that no worker takes from.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task
from deadlines import due_within
from queues import on
from retry_rules import RETRIES

from include.settings import load_settings


@dag(
    schedule=load_settings().discovery.schedule,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=30),
    deadline=due_within(
        load_settings().watch.intake_deadline_s,
        advice="Nothing new is taken up meanwhile: the log of discover says what it waits for.",
    ),
    default_args=RETRIES | on("io"),
    doc_md=__doc__,
    tags=["analysis"],
)
def video_intake() -> None:
    """Wire discovery to the analysis runs."""

    @task
    def discover(run_key: str) -> list[dict[str, object]]:
        """List, enter, gate and claim; one entry for each batch to analyse."""
        from include.composition import build_services
        from include.pipeline import intake as stage

        return stage.run(build_services(), run_key=run_key)

    TriggerDagRunOperator.partial(
        task_id="analyse",
        trigger_dag_id="video_analysis",
        skip_when_already_exists=True,
        map_index_template="{{ task.trigger_run_id }}",
    ).expand_kwargs(discover("{{ run_id }}"))

    if load_settings().queues.by_need:

        @task
        def watch_queues() -> list[str]:
            """Tell people of a queue that no worker takes from."""
            from queue_watch import tell_unattended

            return tell_unattended()

        watch_queues()


video_intake()
