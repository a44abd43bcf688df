"""
### Video analysis

One run per batch: from claimed recordings to published expression reports.

```
open_batch -> probe -> extract [groups] -> validate [parts] -> transform -> collect
           -> publish [parts] -> settle
```

* One bad video never fails its batch: it is quarantined with a reason
  (`quarantine/.../reason.json`) and the others go on.
* Every task may be cleared and run again: finished work is found in the lake
  and kept, only what is missing is done.
* `settle` runs whatever happened before and accounts for every recording. It
  is red when a recording did not finish; the recording returns to the queue
  until its attempts are used up.
* `settle` also emits the figures of the batch: throughput, failures by reason,
  CPU time, cost per minute of video. A run that is late is told to people once
  (`FEX_WATCH__ANALYSIS_DEADLINE_S`).

Results are a *displayed expression*, never an inner state.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, TriggerRule, dag, task
from deadlines import due_within
from expression_transform.operator import ExpressionTransformOperator
from queues import on
from retry_rules import RETRIES

from include.settings import load_settings

BATCH = "{{ params.batch_id }}"
RECORDINGS = "{{ task.op_kwargs['recording_ids'] | length }} recording(s)"


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=load_settings().discovery.max_active_batches,
    dagrun_timeout=timedelta(hours=24),
    deadline=due_within(
        load_settings().watch.analysis_deadline_s,
        advice="Its mapped extract tasks and the log of its inference job show what it waits for.",
    ),
    default_args=RETRIES | on("io"),
    params={"batch_id": Param(type="string", description="A batch claimed in the ledger")},
    doc_md=__doc__,
    tags=["analysis"],
)
def video_analysis() -> None:
    """Wire the stages from a claimed batch to published reports."""

    @task
    def open_batch(batch_id: str) -> list[list[int]]:
        """Pin the champion model to the batch; divide it into parts."""
        from include.composition import build_services
        from include.pipeline import open_batch as stage

        return stage.run(build_services(), batch_id)

    @task
    def probe(batch_id: str) -> list[list[int]]:
        """Identify the bytes, refuse what can never be analysed, form groups."""
        from include.composition import build_services
        from include.pipeline import probe as stage

        return stage.run(build_services(), batch_id)

    @task(map_index_template=RECORDINGS, **on("cpu"))
    def extract(batch_id: str, recording_ids: list[int]) -> dict[str, int]:
        """Decode once: sample, detect, align, crop, follow; write shards and manifest."""
        from include.composition import build_services
        from include.pipeline import extract as stage

        return stage.run(build_services(), batch_id, recording_ids)

    @task(map_index_template=RECORDINGS, trigger_rule=TriggerRule.ALL_DONE, **on("cpu"))
    def validate(batch_id: str, recording_ids: list[int]) -> dict[str, object]:
        """Great Expectations on every manifest; publish the Data Docs."""
        from include.composition import build_services
        from include.pipeline import validate as stage

        return stage.run(build_services(), batch_id, recording_ids)

    transform = ExpressionTransformOperator(task_id="transform", batch_id=BATCH, **on("gpu"))

    @task
    def collect(batch_id: str) -> dict[str, int]:
        """Join the answers to the manifests: probabilities, confidence, abstention."""
        from include.composition import build_services
        from include.pipeline import collect as stage

        return stage.run(build_services(), batch_id)

    @task(map_index_template=RECORDINGS, **on("cpu"))
    def publish(batch_id: str, recording_ids: list[int]) -> dict[str, int]:
        """Tables and report.html of every recording; manifest.json last."""
        from include.composition import build_services
        from include.pipeline import publish as stage

        return stage.run(build_services(), batch_id, recording_ids)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def settle(batch_id: str) -> dict[str, int]:
        """Account for every recording: published, quarantined, back in the queue, or failed."""
        from include.composition import build_services
        from include.pipeline import settle as stage

        return stage.run(build_services(), batch_id)

    parts, groups = open_batch(BATCH), probe(BATCH)
    extracted = extract.partial(batch_id=BATCH).expand(recording_ids=groups)
    validated = validate.partial(batch_id=BATCH).expand(recording_ids=parts)
    published = publish.partial(batch_id=BATCH).expand(recording_ids=parts)
    parts >> groups
    extracted >> validated >> transform >> collect(BATCH) >> published >> settle(BATCH)


video_analysis()
