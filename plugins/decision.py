"""Questions to named people: an approval whose answer, either way, goes to the next task."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk.execution_time.hitl import HITLUser

if TYPE_CHECKING:
    from airflow.sdk import Context


def people(names: Collection[str]) -> list[HITLUser]:
    """Users of Airflow as a question names them.

    The name stands as the id too: the auth managers of this platform compare names
    (`access.auth_manager`; the simple one has no other ids).
    """
    return [HITLUser(id=name, name=name) for name in names]


class DecisionOperator(ApprovalOperator):
    """Asks a person to approve or reject; nobody in time is a rejection.

    The stock operator skips what follows a rejection, and with it whoever would record by
    whom and why. Here the answer is the task's result: `chosen_options`,
    `responded_by_user` (None after the time-out), `params_input`.

    Args:
        approvers: User names. Whoever asked for the run is left out, and Airflow refuses
            their answer: nobody approves what they asked for.
    """

    def __init__(self, *, approvers: Collection[str], **kwargs: Any) -> None:
        super().__init__(assigned_users=people(approvers), **kwargs)
        self.approvers = tuple(approvers)

    def execute(self, context: Context) -> Any:
        """Ask those who may approve this very run.

        Raises:
            ConfigurationError: The only approver asked for it.
        """
        from include.composition import build_services
        from include.governance.access.people import approvers_of
        from include.pipeline.model_retraining.asked import askers

        run = context["dag_run"]
        asked_by = askers(build_services(), run.run_id, started_by=run.triggering_user_name)
        self.assigned_users = people(approvers_of(self.approvers, asked_by))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the answer."""
        return HITLOperator.execute_complete(self, context, event)
