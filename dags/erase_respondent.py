"""
### Erase a respondent

Somebody asks to be forgotten. Everything that the platform keeps of their recordings goes:
the originals, crops and frames, answers of every model, results and reports, their faces in
label queues, votes and training data, their lines in change reports and drift figures.

Start it by hand. It cannot be undone.

| field | |
|---|---|
| `study` | name of the study under `incoming/` |
| `respondent` | id in the study's `respondents.csv` |
| `recordings` | names of recordings, where the study has no such file |
| `without` | lines of the request that match nothing, or several, and that it goes on without |

* Names are matched as people type them (Unicode forms, case, missing ending, `./`, back
  slashes). Every line that matches nothing, or may mean several, is named, and nothing is
  erased until it is corrected or listed in `without`.

* Nothing is erased while one of the recordings is being analysed, or while a retraining that
  holds one of the faces has not ended: the task says so; run it again then.
* Clear the task to go on after a fault: it finds what is left.
* The person's lines are taken out of `respondents.csv`; nothing else in it changes.
* It is done when the lake, the ledger, MLflow and the logs hold no name, id or copy any longer.
  Until then the task fails: `erasures/open/{run}.json` in the lake names each place and what to
  do. Do that, then clear the task.
* What stays, and why (aggregates, model weights): docs/decisions/0022-erasure.md.
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
        "study": Param(type="string", minLength=1, description="Name under incoming/"),
        "respondent": Param("", type="string", description="Id in respondents.csv"),
        "recordings": Param([], type="array", description="Names, one a line"),
        "without": Param([], type="array", description="Lines to go on without, one a line"),
    },
    doc_md=__doc__,
    tags=["governance"],
)
def erase_respondent() -> None:
    """One task: take away everything, write that it was done."""

    @task
    def erase(
        run_id: str | None = None, params: dict[str, Any] | None = None, dag_run: Any = None
    ) -> dict[str, object]:
        """Erase originals, results, labels and training data of a respondent."""
        from include.composition import build_services
        from include.contracts.documents import plain_values
        from include.pipeline.erasure import stage

        asked_by = dag_run.triggering_user_name or "platform"
        record = stage.run(build_services(), run_id or "", asked_by=asked_by, **(params or {}))
        stage.require_done(record)
        return plain_values(record)

    erase()


erase_respondent()
