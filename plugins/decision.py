"""An approval whose answer, either way, goes to the next task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class DecisionOperator(ApprovalOperator):
    """Asks a person to approve or reject; nobody in time is a rejection.

    The stock operator skips what follows a rejection, and with it whoever would record by
    whom and why. Here the answer is the task's result: `chosen_options`,
    `responded_by_user` (None after the time-out), `params_input`.
    """

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the answer."""
        return HITLOperator.execute_complete(self, context, event)
