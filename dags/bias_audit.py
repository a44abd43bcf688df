"""
### Bias audit

Every week, and on demand: how does the system treat groups of people?

```
audit -> ask_retraining -> retrain
      -> sign_off -> record_sign_off
```

* **audit** shows a fixed set of annotated faces to the whole pipeline, reads what was
  published to respondents who declared their groups, and judges labelled instants where
  there are any. Red, amber or green; page and record lie under `audits/` in the lake, named
  by their hash, and beside the model version in the registry.
* **sign_off** asks an auditor. Only the users of `FEX_AUDIT__SIGNERS` may answer. Without
  an answer in time nobody has signed, and a red audit goes on blocking promotion.
* A red audit of the champion asks for a retraining, under its cool-down and daily cap.

| setting | meaning |
|---|---|
| `FEX_AUDIT__FIXED_SET` | zip of the audit set; without it `audit` fails and says so |
| `FEX_AUDIT__SCHEDULE` | when (cron) |
| `FEX_AUDIT__WINDOW_DAYS` | production traffic looked at |
| `FEX_AUDIT__DECLARED_ATTRIBUTES` | columns of respondents.csv that are groups |
| `FEX_AUDIT__SIGNERS` | who may sign |
| `FEX_AUDIT__SIGN_OFF_TIMEOUT_H` | how long a signature is waited for |

Groups are declared or annotated, never inferred. Figures speak of a *displayed
expression*, never of an inner state.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task
from decision import people
from queues import on
from retry_rules import RETRIES

from include.settings import load_settings

SETTINGS = load_settings().audit
WAIT = timedelta(hours=SETTINGS.sign_off_timeout_h)


@dag(
    schedule=SETTINGS.schedule,
    catchup=False,
    max_active_runs=2,
    dagrun_timeout=WAIT + timedelta(hours=24),
    default_args=RETRIES | on("io"),
    params={
        "model_version": Param("", type="string", description="Version; empty: the champion"),
        "people": Param(
            None, type=["null", "integer"], minimum=1, description="Faces at most; empty: all"
        ),
    },
    doc_md=__doc__,
    tags=["governance"],
)
def bias_audit() -> None:
    """Wire the audit, the signature it waits for, and what a red one asks for."""

    @task(**on("cpu"))
    def audit(at: str, params: dict[str, Any] | None = None) -> Any:
        """Gather the panels, judge them, keep page and record, tell people."""
        from include.composition import build_services
        from include.contracts.documents import plain_values
        from include.pipeline.bias_audit import stage

        asked = params or {}
        done = stage.run(
            build_services(),
            model_version=asked.get("model_version", ""),
            people=asked.get("people"),
            at=at,
        )
        return plain_values(done)

    @task
    def ask_retraining(audited: object) -> list[dict[str, Any]]:
        """Ask for a better model when the champion's audit is red."""
        from include.composition import build_services
        from include.pipeline.bias_audit import sign_off as stage

        return stage.ask_for_retraining(build_services(), stage.as_outcome(audited))

    @task
    def record_sign_off(audited: object, answer: dict[str, Any]) -> Any:
        """Write who accepted or rejected exactly this audit, or that nobody did in time."""
        from include.composition import build_services
        from include.contracts.documents import plain_values
        from include.pipeline.bias_audit import sign_off as stage

        done = stage.record_answer(build_services(), stage.as_outcome(audited), answer)
        return plain_values(done)

    audited = audit("{{ dag_run.run_after.isoformat() }}")
    TriggerDagRunOperator.partial(
        task_id="retrain", trigger_dag_id="model_retraining", skip_when_already_exists=True
    ).expand_kwargs(ask_retraining(audited))
    sign_off = HITLOperator(
        task_id="sign_off",
        subject="Bias audit: {{ ti.xcom_pull(task_ids='audit')['verdict'] }}",
        body="{{ ti.xcom_pull(task_ids='audit')['body'] }}",
        options=["Accept", "Reject"],
        defaults="Reject",
        params={"comment": Param("", type="string", description="Why; required to accept red")},
        assigned_users=people(SETTINGS.signers),
        response_timeout=WAIT,
    )
    audited >> sign_off
    record_sign_off(audited, sign_off.output)  # type: ignore[arg-type] # an XComArg until it runs


bias_audit()
